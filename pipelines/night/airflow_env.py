"""Every setting of Airflow, in one place, as environment variables. What the user has set stays."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from pipelines.errors import StageError
from pipelines.files import read_json, write_text
from pipelines.layout import Layout

DAG_ID = "nightly_retrain"
UI_PORT = 8080
LOCALHOST = "127.0.0.1"
PARALLELISM = 2
"""Tasks at once. One lane's steps follow each other, so more than one lane is needed to fill it."""


def airflow_environment(layout: Layout, port: int = UI_PORT, parallelism: int = PARALLELISM) -> dict[str, str]:
    """Settings for every Airflow process of this checkout, over nothing that the user has set already.

    Args:
        layout: the checkout; the Airflow home lies in its state folder.
        port: of the UI and the execution API, on loopback.
        parallelism: tasks at once under a scheduler.
    """
    home = Path(os.environ.get("AIRFLOW_HOME") or layout.airflow_home)
    settings = {
        "AIRFLOW_HOME": str(home),
        "NIGHTSHIFT_ROOT": str(layout.root),
        "DVC_NO_ANALYTICS": "1",
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(layout.root / "dags" / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(parallelism),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOCALHOST}:{port}/execution/",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # also how late a supervisor may notice that its task ended
        "AIRFLOW__API__HOST": LOCALHOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{LOCALHOST}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__INSTANCE_NAME": "Nightshift",
        "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "alembic=WARNING airflow.providers_manager=ERROR",
    }
    settings |= _secrets(home)
    return {name: os.environ.get(name) or value for name, value in settings.items()}


def apply(layout: Layout, port: int = UI_PORT, parallelism: int = PARALLELISM) -> None:
    """Put the settings into this process' environment. Must come before the first import of airflow."""
    os.environ.update(airflow_environment(layout, port, parallelism))


def _secrets(home: Path) -> dict[str, str]:
    """Keys that all processes of one Airflow home share; made once, readable by the owner only."""
    path = home / "nightshift-secrets.json"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        keys = {
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        }
        _write_private(path, keys)
    return {str(name): str(value) for name, value in read_json(path).items()}


def _write_private(path: Path, value: dict[str, str]) -> None:
    import json

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    try:
        os.link(temporary, path)  # the first writer wins: two processes must not end with two sets of keys
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def migrate(layout: Layout, environment: dict[str, str]) -> bool:
    """Bring the metadata database to this Airflow's version, once; a stamp spares later starts the check.

    Returns:
        Whether a migration ran.

    Raises:
        StageError: Airflow could not create or migrate its database; its last words are in the message.
    """
    from importlib.metadata import version

    home = Path(environment["AIRFLOW_HOME"])
    database = environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or os.environ.get(
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", ""
    )
    stamp = home / "nightshift-migrated.txt"
    wanted = f"{version('apache-airflow')} {database}\n"
    present = bool(database) or (home / "airflow.db").is_file()
    if present and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return False
    log = layout.logs / "airflow-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env={**os.environ, **environment},
            cwd=layout.root,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        raise StageError(
            f"Airflow could not prepare its database: {lines[-1] if lines else 'no message'}",
            where={"log": log.relative_to(layout.root)},
            next_step="mend what the log says; removing .nightshift/airflow starts with an empty history",
        )
    write_text(stamp, wanted)
    return True


def run_airflow(layout: Layout, arguments: list[str]) -> int:
    """``airflow ARGUMENTS`` with this checkout's settings; the exit status."""
    environment = airflow_environment(layout)
    migrate(layout, environment)
    command = [sys.executable, "-m", "airflow", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, cwd=layout.root, check=False).returncode
