"""Long-running children of one parent: started together, watched, and stopped to the last process."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import ConfigError, StageError
from pipelines.night.sessions import Guard

POLL_SECONDS = 0.2
STOP_SECONDS = 9.0  # from SIGTERM to SIGKILL


@dataclass
class Service:
    """One child.

    Args:
        name: for a person.
        command: program and arguments; it gets a session of its own.
        log: file for its output.
        healthy: whether it answers; asked until it does.
    """

    name: str
    command: Sequence[str]
    log: Path
    healthy: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


class Services:
    """A set of services that lives and ends together; a context manager.

    A guard ends them when the parent is gone, even by SIGKILL.
    """

    def __init__(self, cwd: Path, environment: Mapping[str, str]) -> None:
        self.cwd = cwd
        self.environment = dict(environment)
        self.running: list[Service] = []
        self._guard = Guard()

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, service: Service) -> None:
        """Start one service."""
        service.log.parent.mkdir(parents=True, exist_ok=True)
        with service.log.open("wb") as log:
            service.process = subprocess.Popen(
                list(service.command),
                cwd=self.cwd,
                env=self._guard.marked(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard.add(service.process.pid)
        self.running.append(service)

    def wait_healthy(self, seconds: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Until every service answers, or ``stopped()`` says that nobody waits any more.

        Raises:
            StageError: one ended, or does not answer in time; names its log.
        """
        deadline = time.monotonic() + seconds
        waiting = list(self.running)
        while waiting and not stopped():
            self.check()
            waiting = [service for service in waiting if not _answers(service)]
            if waiting and time.monotonic() >= deadline:
                names = ", ".join(service.name for service in waiting)
                raise StageError(
                    f"{names}: no answer within {seconds:.0f} s",
                    where={"log": self._shown(waiting[0])},
                    next_step="look into that log",
                )
            if waiting:
                time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Raises:
        StageError: a service has ended; names it, its last line and its log.
        """
        for service in self.running:
            code = service.process.poll() if service.process else None
            if code is not None:
                how = f"signal {-code}" if code < 0 else f"status {code}"
                raise StageError(
                    f"{service.name} ended by {how}: {_last_line(service.log)}",
                    where={"log": self._shown(service)},
                    next_step="mend what the log says, then start again",
                )

    def stop(self) -> None:
        """SIGTERM to each service, a while to end by itself, then SIGKILL to all that it has started."""
        if self.running:
            self._guard.look()
        for service in reversed(self.running):
            if service.process is not None and service.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    service.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until and any(
            s.process is not None and s.process.poll() is None for s in self.running
        ):
            time.sleep(POLL_SECONDS / 2)
        self._guard.close()
        for service in self.running:
            if service.process is not None:
                service.process.wait()
        self.running.clear()

    def _shown(self, service: Service) -> str:
        return (
            service.log.relative_to(self.cwd).as_posix() if service.log.is_relative_to(self.cwd) else str(service.log)
        )


def check_ports(ports: Mapping[str, tuple[int, str]], host: str = "127.0.0.1") -> None:
    """Args:
        ports: ``{name: (port, option that changes it)}``.

    Raises:
        ConfigError: a port is taken, or one is asked for twice.
    """
    seen: dict[int, str] = {}
    for name, (port, option) in ports.items():
        where = {"port": port, "for": name}
        if port in seen:
            raise ConfigError(f"one port for two: {seen[port]} and {name}", where=where, next_step=f"change {option}")
        seen[port] = name
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise ConfigError(
                    "the port is taken by another program" if error.errno == 98 else str(error.strerror),
                    where=where,
                    next_step=f"end that program, or choose another port with {option}",
                ) from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _answers(service: Service) -> bool:
    try:
        return service.healthy()
    except OSError:
        return False


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "no log"
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1][:300] if spoken else "without a word"
