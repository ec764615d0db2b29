from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pipelines.errors import ConfigError, StageError
from pipelines.night.services import Service, Services, check_ports, free_port

FOREVER = "import time; print('up', flush=True); time.sleep(120)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"
TREE = """
import subprocess, sys, time, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], start_new_session=True)
pathlib.Path("child.txt").write_text(str(child.pid))
time.sleep(120)
"""


def service(tmp_path: Path, code: str, name: str = "a part") -> Service:
    return Service(name, [sys.executable, "-c", code], tmp_path / "logs" / f"{name}.log")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: object, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.05)
    return bool(condition())  # type: ignore[operator]


def test_a_stop_ends_every_service_with_what_it_started(tmp_path: Path) -> None:
    with Services(tmp_path, os.environ) as services:
        services.start(service(tmp_path, TREE))
        assert wait_until(lambda: (tmp_path / "child.txt").exists() and (tmp_path / "child.txt").read_text())
        process = services.running[0].process
    assert process is not None
    assert process.returncode is not None
    child = int((tmp_path / "child.txt").read_text())
    assert wait_until(lambda: not is_running(child))  # though it had opened a session of its own


def test_what_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.night.services.STOP_SECONDS", 0.5)
    with Services(tmp_path, os.environ) as services:
        services.start(service(tmp_path, STUBBORN))
        time.sleep(0.5)
        process = services.running[0].process
    assert process is not None
    assert process.returncode == -signal.SIGKILL


def test_a_service_that_dies_is_named_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    with Services(tmp_path, os.environ) as services:
        services.start(service(tmp_path, FOREVER, "one"))
        services.start(service(tmp_path, "raise SystemExit('no database')", "two"))
        with pytest.raises(StageError, match=r"two ended by status 1: no database.*log=logs/two.log"):
            services.wait_healthy(10)
            wait_until(lambda: services.check())


def test_a_service_that_never_answers_is_named(tmp_path: Path) -> None:
    with Services(tmp_path, os.environ) as services:
        deaf = service(tmp_path, FOREVER, "deaf")
        deaf.healthy = lambda: False
        services.start(deaf)
        with pytest.raises(StageError, match="deaf: no answer within 1 s"):
            services.wait_healthy(1)


def test_a_killed_parent_leaves_nothing(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import os, sys, time
        from pathlib import Path
        from pipelines.night.services import Service, Services
        services = Services(Path({str(tmp_path)!r}), os.environ)
        services.start(Service("a part", [sys.executable, "-c", {FOREVER!r}], Path({str(tmp_path)!r}) / "a.log"))
        Path("pid.txt").write_text(str(services.running[0].process.pid))
        time.sleep(120)
    """)
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)})
    assert wait_until(lambda: (tmp_path / "pid.txt").exists() and (tmp_path / "pid.txt").read_text())
    part = int((tmp_path / "pid.txt").read_text())
    assert is_running(part)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not is_running(part))


def test_a_taken_port_is_named_with_the_option_that_changes_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port={port}, for=the UI.*--ui-port"):
            check_ports({"the UI": (port, "--ui-port")})
    with pytest.raises(ConfigError, match="one port for two"):
        free = free_port()
        check_ports({"the UI": (free, "--ui-port"), "the reports": (free, "--reports-port")})
    check_ports({"the UI": (free_port(), "--ui-port")})
