"""``nightshift up``: Airflow, the prediction service and the reports, started together and stopped together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipelines.config import load_params
from pipelines.errors import EXIT_BLOCKED, EXIT_OK, StageError
from pipelines.files import read_json, write_json
from pipelines.layout import Layout
from pipelines.night.airflow_env import LOCALHOST, PARALLELISM, airflow_environment, migrate
from pipelines.night.api import login
from pipelines.night.run import RUNNER, runner_lock
from pipelines.night.services import Service, Services, check_ports
from pipelines.night.shared import is_shared
from pipelines.process import exclusive, is_held, stop_requests

HEALTHY_SECONDS = 180.0
BRING_SECONDS = 15  # where nights are shared: how late a champion may come to this machine
AIRFLOW_PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
QUIET_PARTS = {"scheduler", "triggerer"}  # their log servers are for other hosts; here the UI reads the files


def run_up(layout: Layout, ui_port: int, service_port: int | None, reports_port: int) -> int:
    """Start everything, print where it is, and wait for Ctrl-C or SIGTERM.

    Returns:
        0 after a stop that was asked for, ``EXIT_BLOCKED`` when a part ended by itself.

    Raises:
        ConfigError: a port is taken. BusyError: a night runs here, or it is up already.
        StageError: a part did not start.
    """
    service = load_params(layout.params).service
    service_port = service_port or service.port
    check_ports(
        {
            "Airflow's UI": (ui_port, "--ui-port"),
            "the prediction service": (service_port, "--service-port"),
            "the reports": (reports_port, "--reports-port"),
        }
    )
    airflow, predictions = f"http://{LOCALHOST}:{ui_port}", f"http://{LOCALHOST}:{service_port}"
    reports = f"http://{LOCALHOST}:{reports_port}"
    with exclusive(runner_lock(layout), RUNNER), stop_requests() as stopped:
        print("starting Airflow, the prediction service and the reports ...", flush=True)
        environment = prepare_runner(layout, ui_port, PARALLELISM)
        with Services(layout.root, environment) as services:
            for part in airflow_services(layout, airflow, AIRFLOW_PARTS):
                services.start(part)
            services.start(_prediction_service(layout, predictions, service_port))
            if is_shared():
                command = [sys.executable, "-m", "pipelines.cli", "bring", "--every", str(BRING_SECONDS)]
                services.start(Service("the bringer of champions", command, layout.logs / "bring.log"))
            services.start(_reports(layout, reports, reports_port))
            try:
                services.wait_healthy(HEALTHY_SECONDS, stopped)
                if not stopped():
                    _announce(layout, airflow, predictions, reports)
                while not stopped():
                    services.check()
                    time.sleep(0.5)
            except StageError as error:
                sys.stderr.write(f"nightshift: {error.line()}\n")
                return EXIT_BLOCKED
            finally:
                _up_file(layout).unlink(missing_ok=True)
                print("stopping ...", flush=True)
        print("stopped", flush=True)
        return EXIT_OK


def prepare_runner(layout: Layout, port: int, parallelism: int) -> dict[str, str]:
    """Database, repairs and stale runs, in a process of its own: this one stays small.

    Returns:
        The environment for every Airflow process. The caller holds the runner's lock.

    Raises:
        StageError: Airflow's database cannot be used.
    """
    environment = {**os.environ, **airflow_environment(layout, port, parallelism)}
    migrate(layout, environment)
    log = layout.logs / "airflow-setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "pipelines.night.runner_setup"]
        done = subprocess.run(
            command,
            env=environment,
            cwd=layout.root,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            check=False,
        )
    if done.returncode != 0:
        raise StageError(
            "Airflow's database cannot be used",
            where={"log": log.relative_to(layout.root)},
            next_step="mend what the log says; removing .nightshift/airflow starts with an empty history",
        )
    return environment


def airflow_services(layout: Layout, address: str, parts: Sequence[str]) -> list[Service]:
    """Airflow's components; the API server is healthy when it says so of all the others."""
    found = []
    for part in parts:
        command = [sys.executable, "-m", "airflow", part, *(["--skip-serve-logs"] if part in QUIET_PARTS else [])]
        healthy: Callable[[], bool] = (lambda: _airflow_is_healthy(address, parts)) if part == "api-server" else _yes
        found.append(Service(f"Airflow's {part}", command, layout.logs / f"airflow-{part}.log", healthy))
    return found


def running_address(layout: Layout) -> str | None:
    """Where Airflow's UI is, if `nightshift up` holds the runner's lock and is ready; else None."""
    path = _up_file(layout)
    if not path.is_file() or not is_held(runner_lock(layout)):
        return None
    holder = runner_lock(layout).read_text(encoding="ascii", errors="replace").strip()
    content = read_json(path)
    return str(content["airflow"]) if str(content["process"]) == holder else None


def _up_file(layout: Layout) -> Path:
    return layout.state / "up.json"


def _prediction_service(layout: Layout, address: str, port: int) -> Service:
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port)]
    return Service("the prediction service", command, layout.logs / "service.log", lambda: _ok(f"{address}/livez"))


def _reports(layout: Layout, address: str, port: int) -> Service:
    command = [sys.executable, "-m", "pipelines.night.report_server", str(layout.root), str(port)]
    return Service("the report server", command, layout.logs / "reports.log", lambda: _ok(address))


def _announce(layout: Layout, airflow: str, predictions: str, reports: str) -> None:
    write_json(
        _up_file(layout),
        {"process": os.getpid(), "airflow": airflow, "service": predictions, "reports": reports},
    )
    known = login(layout)
    lines = [
        "",
        f"Airflow             {airflow}" + (f"   login {known[0]} / {known[1]}" if known else ""),
        f"prediction service  {predictions}",
        f"reports             {reports}",
        "",
        f"logs: {layout.logs.relative_to(layout.root)}   stop: Ctrl-C",
    ]
    print("\n".join(lines), flush=True)


def _airflow_is_healthy(address: str, parts: Sequence[str]) -> bool:
    with _open(f"{address}/api/v2/monitor/health") as response:
        health = json.loads(response.read())
    names = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
    wanted = ["metadatabase", *(names[part] for part in parts if part in names)]
    return all((health.get(name) or {}).get("status") == "healthy" for name in wanted)


def _ok(address: str) -> bool:
    with _open(address) as response:
        return bool(response.status == 200)


def _open(address: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(address, timeout=5)


def _yes() -> bool:
    return True
