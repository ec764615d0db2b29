"""Locks that die with their holder, and processes that die with their parent."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from pipelines.errors import BusyError

PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def exclusive(path: Path, what: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold an operating-system lock on ``path`` (flock); the kernel frees it when the holder dies.

    Raises:
        BusyError: somebody else holds it for longer than ``wait_seconds``; names the holder's process id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
                    raise BusyError(
                        f"{what} is already running",
                        where={"process": holder, "lock": path.name},
                        next_step="wait for it to end, or end that process, then run this again",
                    ) from None
                time.sleep(0.1)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
        yield
    finally:
        os.close(handle)


def is_held(path: Path) -> bool:
    """Whether some living process holds the lock on ``path``."""
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def die_with_parent() -> None:
    """End this process and all it started, by SIGKILL, once an ancestor up to the session's leader is gone.

    The kernel's parent-death signal sees the direct parent only; between dvc and a stage stands a shell that
    outlives a killed dvc. So a thread also watches the shell's own parent.
    """
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    watched = [(pid, start) for pid in _ancestors() if (start := _start_time(pid)) is not None]
    threading.Thread(target=_watch, args=(watched,), daemon=True, name="parent-watch").start()


def _ancestors() -> list[int]:
    """Direct parent and, where that is a shell, the shell's parent too."""
    parent = os.getppid()
    found = [parent]
    if parent > 1 and _command(parent) in {"sh", "dash", "bash", "zsh"} and (above := _parent_of(parent)) > 1:
        found.append(above)
    return [pid for pid in found if pid > 1]


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _start_time(pid: int) -> str | None:
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else fields[19]


def _parent_of(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _watch(watched: list[tuple[int, str]], every_seconds: float = 0.25) -> None:
    while all(_start_time(pid) == start for pid, start in watched):
        time.sleep(every_seconds)
    kill_tree(os.getpid())


def kill_tree(pid: int) -> None:
    """SIGKILL every descendant of ``pid``, then ``pid`` itself."""
    for child in _descendants(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent_of(int(entry.name))):
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


@contextlib.contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """SIGINT, SIGTERM and SIGHUP ask for a stop instead of interrupting; yields a function that tells.

    An interrupt raised as an exception is lost where Python cannot raise it (a finaliser, a callback of the garbage
    collector); a request that is looked at is not.
    """
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
