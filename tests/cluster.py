"""A cluster on loopback: PostgreSQL, Redis, a control machine and Celery workers, each with a clone of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from postgres import postgres

from pipelines.layout import Layout
from pipelines.night.airflow_env import LOCALHOST, airflow_environment, migrate
from pipelines.night.services import Service, Services, free_port
from pipelines.night.sessions import processes
from pipelines.night.up import airflow_services
from pipelines.process import kill_tree

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = "credit_risk_demo"
PARTS = ("api-server", "scheduler", "dag-processor")
SECRET = "a-secret-of-this-test-that-every-machine-knows-0123456789"


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """URL of a fresh Redis on loopback, without its disk."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server")
    port = free_port()
    settings = ["--port", str(port), "--bind", LOCALHOST, "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen([program, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"redis://{LOCALHOST}:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def one_lane_project(folder: Path) -> Path:
    """A repository of this checkout's files with one demo product and one candidate, and its bare remote beside it."""
    source = folder / "source"
    source.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    wanted = ("pipelines/", "dags/", "expectations/", ".dvc/", "params.yaml", "dvc.yaml", "requirements.txt", "bento")
    wanted = (*wanted, "pyproject.toml", ".dvcignore", ".gitignore")
    for name in listed:
        if name.startswith(wanted) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    params = yaml.safe_load((source / "params.yaml").read_text())
    params["products"] = {PRODUCT: params["products"][PRODUCT]}
    params["candidates"] = {f"{PRODUCT}-lightgbm": params["candidates"][f"{PRODUCT}-lightgbm"]}
    params["night"] |= {"retries": 2, "retry_delay_seconds": 1}
    params["profile"]["threads"] = 1
    (source / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (source / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    (folder / "store").mkdir()
    git(source, "init", "-q")
    subprocess.run(
        [sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "store", str(folder / "store")],
        cwd=source,
        check=True,
    )
    git(source, "add", "-A")
    git(source, "commit", "-qm", "start")
    git(folder, "clone", "-q", "--bare", os.fspath(source), "origin.git")
    return folder / "origin.git"


def git(root: Path, *arguments: str) -> str:
    """Run git; its output."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def clone(origin: Path, name: str) -> Layout:
    """A machine's checkout."""
    folder = origin.parent / name
    git(origin.parent, "clone", "-q", os.fspath(origin), name)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    git(folder, "update-index", "--skip-worktree", "dvc.lock")
    return Layout(folder)


class Cluster:
    """A control machine with scheduler, DAG processor and API server, and workers."""

    def __init__(self, origin: Path, database: str, broker: str, workers: tuple[str, ...]) -> None:
        self.port = free_port()
        self.database = database
        self.broker = broker
        self.control = clone(origin, "control")
        self.workers = {name: clone(origin, name) for name in workers}
        self.running: dict[str, Services] = {}

    @property
    def address(self) -> str:
        return f"http://{LOCALHOST}:{self.port}"

    def records_url(self) -> str:
        return self.database.rsplit("/", 1)[0] + "/records"

    def variables(self, layout: Layout) -> dict[str, str]:
        """What a person sets on every machine (docs/orchestration.md), over this checkout's settings."""
        home = {name: text for name, text in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTSHIFT"))}
        metadata = self.database.rsplit("/", 1)[0] + "/airflow"
        given = {
            "NIGHTSHIFT_SHARED": "remote",
            "NIGHTSHIFT_RECORDS_URL": self.records_url(),
            "NIGHTSHIFT_LOG_URL": self.records_url(),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata,
            "AIRFLOW__CELERY__BROKER_URL": f"{self.broker}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"{self.broker}/1",
            "AIRFLOW__API_AUTH__JWT_SECRET": SECRET,
            "AIRFLOW__API__SECRET_KEY": SECRET,
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        }
        settings = airflow_environment(layout, self.port, 2)
        own = {"AIRFLOW_HOME": str(layout.airflow_home), "PYTHONPATH": str(layout.root)}
        return {**home, **settings, **own, **given}

    def start(self) -> None:
        """Start all; returns when Airflow says that it is healthy."""
        for name in ("airflow", "records"):
            subprocess.run(["createdb", "-h", LOCALHOST, *_place(self.database), name], check=True)
        environment = self.variables(self.control)
        migrate(self.control, environment)
        self.running["control"] = Services(self.control.root, environment)
        for part in airflow_services(self.control, self.address, PARTS):
            self.running["control"].start(part)
        for name, layout in self.workers.items():
            self.running[name] = Services(layout.root, self.variables(layout))
            options = [
                "-c",
                "1",
                "-q",
                "default",
                "-H",
                name,
                "--skip-serve-logs",
                "--without-gossip",
                "--without-mingle",
            ]
            command = [sys.executable, "-m", "airflow", "celery", "worker", *options]
            self.running[name].start(Service(f"worker {name}", command, layout.logs / "worker.log"))
        self.running["control"].wait_healthy(180)

    def kill(self, name: str) -> None:
        """The machine is gone from one moment to the next: SIGKILL to every process of a worker."""
        for service in self.running[name].running:
            assert service.process is not None
            kill_tree(service.process.pid)
        until = time.monotonic() + 10
        while time.monotonic() < until and (left := processes_in(self.workers[name].root)):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop all that was started."""
        for services in self.running.values():
            services.stop()


@contextlib.contextmanager
def cluster(folder: Path, workers: tuple[str, ...] = ("one", "two")) -> Iterator[Cluster]:
    """A cluster that is not yet started; stopped to its last process at the end."""
    with postgres() as database, redis(folder) as broker:
        made = Cluster(one_lane_project(folder), database, broker, workers)
        try:
            yield made
        finally:
            made.stop()


def processes_in(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for pid in processes():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cwd").resolve().is_relative_to(folder):
                found.append(pid)
    return found


def runs(folder: Path, words: str) -> bool:
    """Whether a process that works in a folder has these words on its command line."""
    for pid in processes_in(folder):
        with contextlib.suppress(OSError):
            if words.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "):
                return True
    return False


def _place(url: str) -> list[str]:
    port = url.rsplit(":", 1)[1].split("/")[0]
    return ["-p", port, "-U", "nightshift"]
