"""One child process with everything it starts: its own session, live output, a time limit, and no survivors.

The child need not watch its parent: a guard does, and ends the child with all its descendants when the parent is gone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.night.sessions import Guard

TAIL_LINES = 40
DRAIN_SECONDS = 2.0  # after the child's end, for what still lies in the pipe


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: exit status; negative for the signal that ended it.
        seconds: wall-clock time.
        timed_out: it was ended because it took longer than it may.
        stopped: it was ended from outside, by :meth:`Child.end`.
        tail: its last lines of output.
    """

    code: int
    seconds: float
    timed_out: bool
    stopped: bool
    tail: tuple[str, ...]


class Child:
    """A process that leads its own session and process group. Standard output and error come back as lines.

    Args:
        command: program and arguments.
        cwd: working directory.
        environment: the whole environment.
        timeout_seconds: after it the group gets SIGTERM, and SIGKILL ``grace_seconds`` later.
        grace_seconds: between SIGTERM and SIGKILL.
        on_line: called for each line of output, without its end.
    """

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        timeout_seconds: float,
        grace_seconds: float = 3.0,
        on_line: Callable[[str], None] = print,
    ) -> None:
        self.command = list(command)
        self.cwd = cwd
        self.environment = dict(environment)
        self.timeout_seconds = timeout_seconds
        self.grace_seconds = grace_seconds
        self.on_line = on_line
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._rest = b""

    def run(self) -> Ended:
        """Start, follow to the end, and leave nothing behind, also when an exception (a timeout) passes through."""
        started = time.monotonic()
        guard = Guard()
        process = subprocess.Popen(
            self.command,
            cwd=self.cwd,
            env=guard.marked(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._process = process
        guard.add(process.pid)
        timed_out = False
        try:
            timed_out = not self._follow(process, started + self.timeout_seconds)
        finally:
            self._finish(process, guard)
        return Ended(process.wait(), time.monotonic() - started, timed_out, self._stopped, tuple(self._tail))

    def end(self) -> None:
        """Ask the whole group to end; :meth:`run` returns soon after. Safe inside a signal handler."""
        self._stopped = True
        if self._process is not None and _alive(self._process):
            _signal_group(self._process.pid, signal.SIGTERM)

    def _follow(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Pass output on until the process has ended (True), or the deadline has passed (False)."""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        stop_by: float | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if now >= deadline:
                    return False
                if self._stopped and stop_by is None:
                    stop_by = now + self.grace_seconds
                if stop_by is not None and now >= stop_by:
                    return True
                ready = selector.select(timeout=min(0.2, deadline - now))
                if ready and not self._read(process.stdout.fileno()):
                    return self._await_end(process, deadline)
                if not _alive(process):
                    self._drain(process.stdout.fileno())
                    return True

    def _await_end(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """The output is closed: wait for the process itself."""
        while _alive(process):
            if time.monotonic() >= deadline:
                return False
            if self._stopped:
                return True
            time.sleep(0.05)
        return True

    def _drain(self, handle: int) -> None:
        """What is still in the pipe; a survivor that keeps it open is not waited for."""
        until = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < until:
            try:
                piece = os.read(handle, 65536)
            except BlockingIOError:
                return
            if not piece:
                return
            self._lines(piece)

    def _read(self, handle: int) -> bool:
        try:
            piece = os.read(handle, 65536)
        except BlockingIOError:
            return True
        self._lines(piece)
        return bool(piece)

    def _lines(self, piece: bytes) -> None:
        *whole, self._rest = (self._rest + piece).replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            self._emit(line)

    def _emit(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            self._tail.append(text)
            self.on_line(text)

    def _finish(self, process: subprocess.Popen[bytes], guard: Guard) -> None:
        """SIGTERM to the group and a while to end by itself; then the guard ends all that is left, wherever it is."""
        if _alive(process):
            guard.look()
            _signal_group(process.pid, signal.SIGTERM)
            until = time.monotonic() + self.grace_seconds
            while _alive(process) and time.monotonic() < until:
                time.sleep(0.05)
        guard.close()
        process.wait()
        if self._rest:
            self._emit(self._rest)
            self._rest = b""
        if process.stdout is not None:
            process.stdout.close()


def _alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether it runs. An ended leader is not reaped here: until then nobody else can be given its group's number."""
    if process.returncode is not None:
        return False
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
