"""A real PostgreSQL that the tests start, where the machine has one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.skip("needs PostgreSQL's initdb and postgres")
    return found[-1].parent if found else Path(str(on_path)).parent


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """URL of a fresh server on loopback; PostgreSQL refuses to run as root, so root lends it another user."""
    pytest.importorskip("psycopg", reason="needs the driver: pip install 'psycopg[binary]'")
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="nightshift-postgres-"))
    as_user: list[str] = []
    if os.getuid() == 0:
        done = subprocess.run(["id", "-u", "postgres"], capture_output=True, text=True, check=False)
        if done.returncode or shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        shutil.chown(folder, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-U", "nightshift", "--auth=trust", "--no-sync"],
        check=True, capture_output=True,
    )  # fmt: skip
    process = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        for _ in range(60):
            if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                break
        yield f"postgresql+psycopg://nightshift@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown: connections are not waited for
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)
