"""The service as a process: started as it is served, waited for, and always stopped with all that it started."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pipelines.blocks.operations import Service
from pipelines.errors import ConfigError, ServiceError
from pipelines.layout import Layout
from pipelines.process import PR_SET_PDEATHSIG, kill_tree
from pipelines.serving.settings import Settings

TARGET = "pipelines.serving.service:Nightshift"
CODE = Path(__file__).resolve().parents[2]
LIBC = ctypes.CDLL(None)
STOP_SECONDS = 10.0
LOG_LINES = 8


@dataclass(frozen=True)
class Running:
    """A started service. ``log`` is the file that its output goes to."""

    host: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    start_seconds: float = 0.0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def workers(self) -> list[int]:
        """Process ids of the workers: the children of the arbiter that listen."""
        return children(self.process.pid)


def command(service: Service, target: str = TARGET, code: Path = CODE) -> list[str]:
    """The command line that serves, here and in the shipped environment alike."""
    return [
        sys.executable, "-m", "bentoml", "serve", target,
        "--host", service.host, "--port", str(service.port), "--working-dir", str(code),
    ]  # fmt: skip


def environment(layout: Layout, settings: Settings, home: Path) -> dict[str, str]:
    """The environment of a service process: this one's, the settings, and no word to the outside.

    ``home`` is BentoML's folder for this service alone: it keeps the counters of ``/metrics`` there and empties them at
    every start, also those of another service that runs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **kept,
        **settings.environment(),
        "NIGHTSHIFT_ROOT": str(layout.root),
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": "1",  # one row has no work for two threads; workers share the machine
        "PYTHONUNBUFFERED": "1",
    }


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def serve_in_foreground(layout: Layout, service: Service) -> NoReturn:
    """Become the service: this process is replaced by ``bentoml serve``, so signals reach it directly.

    Raises:
        ConfigError: the port is taken, or the host is not an address of this machine.
    """
    check_address(service.host, service.port)
    if Settings(service, None, lean=True).asks_for_keys:
        sys.stderr.write("nightshift: every request needs an API key; `nightshift keys add NAME` makes one\n")
    line = command(service)
    sys.stderr.write(f"nightshift: serving on http://{service.host}:{service.port}, Ctrl-C stops it\n")
    sys.stderr.flush()
    os.chdir(CODE)
    home = layout.state / "serving" / str(service.port)
    os.execve(line[0], line, environment(layout, Settings(service, None, lean=True, log=True), home))


def check_address(host: str, port: int) -> None:
    """Raise ConfigError unless one could listen there now."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            where={"key": "service.host, service.port"},
            next_step="end what listens there, or choose another with --port or --host",
        ) from error


@contextlib.contextmanager
def running(
    layout: Layout,
    bundles: Mapping[str, Path] | None = None,
    service: Service | None = None,
    timeout_seconds: float = 90.0,
    log: bool | None = None,
) -> Iterator[Running]:
    """Serve on a free loopback port until the block ends.

    Args:
        layout: the checkout.
        bundles: serve exactly these, or None: the champions.
        service: limits and workers; host and port are replaced.
        timeout_seconds: how long it may take until it is ready.
        log: keep a prediction log; default: only when the champions are served. A bundle that is tried out, by the
            smoke gate or a watch, must leave nothing in the log of production.

    Raises:
        ServiceError: it ended, or was not ready in time; shows the last lines of its log.
    """
    logs = bundles is None if log is None else log
    keys = {} if logs else {"keys": "auto"}  # who tries a bundle out has none
    block = (service or Service()).model_copy(update={"host": "127.0.0.1", "port": free_port(), **keys})
    settings = Settings(block, bundles, lean=True, log=logs)
    layout.logs.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="service-", suffix=".log", dir=layout.logs)
    output = Path(name)
    with tempfile.TemporaryDirectory(prefix="nightshift-service-") as home, os.fdopen(handle, "wb") as stream:
        process = subprocess.Popen(
            command(block), cwd=CODE, env=environment(layout, settings, Path(home)), stdin=subprocess.DEVNULL,
            stdout=stream, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_end_with_parent,
        )  # fmt: skip
        try:
            seconds = wait_until_ready(block.host, block.port, process, output, timeout_seconds)
            yield Running(block.host, block.port, process, output, seconds)
            output.unlink(missing_ok=True)
        finally:
            stop(process)


def _end_with_parent() -> None:
    """In the child: a killed smoke gate must not leave a service behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def wait_until_ready(
    host: str, port: int, process: subprocess.Popen[bytes], log: Path, timeout_seconds: float
) -> float:
    """Wait for ``/readyz`` to say yes; the seconds that took. Errors as :func:`running`."""
    began = time.monotonic()
    words = "it does not listen yet"
    seen: set[int] = set()
    while time.monotonic() - began < timeout_seconds:
        if process.poll() is not None:
            raise _failed(f"the service ended by itself with status {process.returncode}", log)
        seen |= set(children(process.pid))
        if len(seen) > 4 + 2 * len(children(process.pid)):
            raise _failed("the service's workers end as soon as they start", log)
        status, words = _ready(host, port, words)
        if status == 200:
            return time.monotonic() - began
        time.sleep(0.05)
    raise _failed(f"the service was not ready after {timeout_seconds:g} s: {words}", log)


def _ready(host: str, port: int, before: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read(2000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException):
        return 0, before
    finally:
        connection.close()


def _failed(what: str, log: Path) -> ServiceError:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    telling = [line.strip() for line in lines if line.strip()][-LOG_LINES:]
    return ServiceError(
        f"{what}: {' | '.join(telling)[-600:]}" if telling else what,
        where={"log": log},
        next_step="read the log; `nightshift serve` shows the same in the foreground",
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a service and every process it started: asked first, after ten seconds by SIGKILL."""
    below = descendants(process.pid)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
    if process.poll() is None:
        kill_tree(process.pid)
        process.wait(timeout=STOP_SECONDS)
    for pid, start in below.items():
        if _start_of(pid) == start:
            kill_tree(pid)


def children(pid: int) -> list[int]:
    """Living direct children of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def descendants(pid: int) -> dict[int, str]:
    """``{process id: start time}`` of everything below a process; the start time tells a reused id apart."""
    found: dict[int, str] = {}
    queue = children(pid)
    while queue:
        child = queue.pop()
        found[child] = _start_of(child)
        queue += children(child)
    return found


def _start_of(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text[text.rindex(")") + 2 :].split()[19]


def resident_mb(pid: int) -> float:
    """Resident memory of a process, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def mapped_packages(pid: int, names: Collection[str]) -> set[str]:
    """Which of these packages a process has loaded compiled code of."""
    try:
        text = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {name for name in names if f"/site-packages/{name}/" in text}
