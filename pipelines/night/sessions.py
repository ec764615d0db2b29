"""A guard that ends processes with all that they have started, also when their parent is killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from pipelines.process import kill_tree

LOOK_SECONDS = 1.0
MARKS = "NIGHTSHIFT_GUARDS"
"""Environment variable that a guarded process and all its descendants carry: a child that is forked, and opens a
session of its own, at the very moment at which its parent is killed, is known by nothing else."""


class Entry(NamedTuple):
    """One living process: its parent, its session, and when it started (clock ticks since boot)."""

    parent: int
    session: int
    started: str


class Sessions:
    """The sessions of some processes and of all their descendants, remembered after a parent in between has died."""

    def __init__(self, leaders: Iterable[int] = (), mark: str = "") -> None:
        self.leaders = set(leaders)
        self.mark = mark.encode("ascii")
        self.known: dict[int, str] = {}

    def look(self) -> None:
        """Remember the sessions that are there now."""
        table = processes()
        found = {pid for pid in self.leaders if pid in table}
        found |= {pid for pid, entry in table.items() if self._is_ours(entry.session, table)}
        while True:
            below = {pid for pid, entry in table.items() if entry.parent in found} - found
            if not below:
                break
            found |= below
        for session in {table[pid].session for pid in found}:
            if session in table and (session in found or session in self.leaders):
                self.known.setdefault(session, table[session].started)

    def end(self) -> None:
        """SIGKILL every process of the remembered sessions, every descendant of theirs, and all that carry the mark."""
        for _ in range(40):  # a process may be forking while we look
            self.look()
            table = processes()
            members = [
                pid for pid, entry in table.items() if self._is_ours(entry.session, table) or self._is_marked(pid)
            ]
            if not members:
                return
            for pid in members:
                kill_tree(pid)
            time.sleep(0.05)

    def _is_marked(self, pid: int) -> bool:
        if not self.mark:
            return False
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        name = MARKS.encode("ascii") + b"="
        return any(one.startswith(name) and self.mark in one.split(b"=", 1)[1].split(b":") for one in variables)

    def _is_ours(self, session: int, table: dict[int, Entry]) -> bool:
        """A number cannot be given anew while its session has members; with its leader alive the start must agree."""
        started = self.known.get(session)
        return started is not None and (session not in table or table[session].started == started)


class Guard:
    """A forked process that ends what it is told of as soon as this process closes the guard, or is gone."""

    def __init__(self) -> None:
        self._mark = uuid.uuid4().hex
        self._line, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            _guard(theirs.detach(), self._mark)
        theirs.close()

    def marked(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment to start a process with that will be added."""
        before = environment.get(MARKS, "")
        return {**environment, MARKS: f"{before}:{self._mark}" if before else self._mark}

    def add(self, pid: int) -> None:
        """Watch over a process that leads its own session."""
        self._line.sendall(f"{pid}\n".encode())

    def look(self) -> None:
        """Have it look at once: what is below the processes now is remembered when they end."""
        self._line.sendall(b"look\n")
        self._line.recv(1)

    def close(self) -> None:
        """End all that is left of what was added; returns when nothing is."""
        if self._line.fileno() < 0:
            return
        self._line.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _guard(line: int, mark: str) -> NoReturn:
    """The forked side. Holds nothing of its parent's but the line to it: no lock, no output."""
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        os.closerange(3, line)
        os.closerange(line + 1, 65536)
        _keep_watch(line, Sessions(mark=mark))
    finally:
        os._exit(0)


def _keep_watch(line: int, sessions: Sessions) -> None:
    told = b""
    while True:
        ready, _, _ = select.select([line], [], [], LOOK_SECONDS)
        piece = os.read(line, 4096) if ready else b""
        *words, told = (told + piece).split(b"\n")
        sessions.leaders |= {int(word) for word in words if word != b"look"}
        if ready and not piece:
            sessions.end()
            return
        sessions.look()
        if b"look" in words:
            os.write(line, b".")


def processes() -> dict[int, Entry]:
    """``{pid: entry}`` of all living processes."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        fields = text[text.rindex(")") + 2 :].split()
        if fields[0] != "Z":
            found[int(entry.name)] = Entry(int(fields[1]), int(fields[3]), fields[19])
    return found
