"""The few calls of Airflow's REST API that a night needs: log in, trigger, follow."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.errors import ServiceError
from pipelines.layout import Layout
from pipelines.night.airflow_env import DAG_ID, airflow_environment
from pipelines.night.display import Display

TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 1.0
PAGE = 100
SHOWN = ("running", "success", "failed", "up_for_retry", "upstream_failed")
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: never through a proxy


def password_file(layout: Layout) -> Path:
    """Where the simple auth manager keeps the generated passwords."""
    return Path(airflow_environment(layout)["AIRFLOW_HOME"]) / "simple_auth_manager_passwords.json.generated"


def login(layout: Layout) -> tuple[str, str] | None:
    """User and password of the UI, or None where another auth manager is in use."""
    path = password_file(layout)
    if not path.is_file():
        return None
    users: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return next(iter(users.items()), None)


class AirflowApi:
    """A logged-in client.

    Args:
        address: e.g. ``http://127.0.0.1:8080``.

    Raises:
        ServiceError: no login is known, or Airflow refuses it.
    """

    def __init__(self, layout: Layout, address: str) -> None:
        self.address = address.rstrip("/")
        known = login(layout)
        if known is None:
            raise ServiceError(
                "no login for Airflow is known",
                where={"file": password_file(layout).name},
                next_step="trigger the night in Airflow's UI, or stop `nightshift up` and run this again",
            )
        self.token = ""
        user, password = known
        self.token = self.call("POST", "/auth/token", {"username": user, "password": password})["access_token"]

    def call(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        """One request, JSON both ways.

        Raises:
            ServiceError: unreachable, or refused; with Airflow's own words.
        """
        url = f"{self.address}{path}" + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else "")
        request = urllib.request.Request(
            url, method=method, data=json.dumps(body).encode() if body is not None else None
        )
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with _opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            detail = error.read().decode("utf-8", "replace")[:300]
            raise ServiceError(
                f"Airflow refused: {error.code} {detail}",
                where={"request": f"{method} {path}"},
                next_step="see the message, and .nightshift/logs/airflow-api-server.log",
            ) from error
        except OSError as error:
            raise ServiceError(
                f"Airflow does not answer: {error}",
                where={"address": self.address},
                next_step="see whether `nightshift up` is still running",
                transient=True,
            ) from error
        return json.loads(text) if text else None

    def trigger(self, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run; waits a while for the DAG to be parsed for the first time."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.call(
                    "POST",
                    f"/api/v2/dags/{DAG_ID}/dagRuns",
                    {"dag_run_id": run_id, "logical_date": None, "conf": conf},
                )
                return
            except ServiceError as error:
                if "404" not in error.what or time.monotonic() >= deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def run_state(self, run_id: str) -> str:
        """Airflow's state of a run: ``queued``, ``running``, ``success`` or ``failed``."""
        return str(self.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{urllib.parse.quote(run_id)}")["state"])

    def tasks(self, run_id: str) -> list[dict[str, Any]]:
        """The tasks of a run that have started or ended, skipped ones left out, oldest end first."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call(
                "GET",
                f"/api/v2/dags/{DAG_ID}/dagRuns/{urllib.parse.quote(run_id)}/taskInstances",
                query={"state": SHOWN, "limit": PAGE, "offset": len(found)},
            )
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return sorted(found, key=lambda task: str(task["end_date"] or "~"))


def follow_run(
    layout: Layout,
    address: str,
    run_id: str,
    conf: dict[str, Any],
    display: Display,
    check: Callable[[], None] = lambda: None,
) -> str:
    """Trigger a night where Airflow is up and show it to its end; Airflow's final state.

    A keyboard interrupt leaves the night running there.

    Args:
        check: called often; raises when what runs the night is gone.

    Raises:
        ServiceError: Airflow refuses, or is gone. And what ``check`` raises.
    """
    api = AirflowApi(layout, address)
    api.trigger(run_id, conf)
    home = Path(airflow_environment(layout)["AIRFLOW_HOME"])
    shown: set[tuple[str, int, str]] = set()
    try:
        while True:
            check()
            state = api.run_state(run_id)
            for task in api.tasks(run_id):
                _show(display, home, run_id, task, shown)
            if state in {"success", "failed"}:
                return state
            until = time.monotonic() + POLL_SECONDS
            while time.monotonic() < until:
                display.tick()
                time.sleep(0.1)
    except KeyboardInterrupt:
        display.say(f"no longer watching; the night goes on at {address}")
        raise
    finally:
        display.close()


def _show(display: Display, home: Path, run_id: str, task: dict[str, Any], shown: set[tuple[str, int, str]]) -> None:
    name, attempt, state = str(task["task_id"]), int(task["try_number"]), str(task["state"])
    if (name, attempt, state) in shown:
        return
    shown.add((name, attempt, state))
    if state == "running":
        folder = home / "logs" / f"dag_id={DAG_ID}" / f"run_id={run_id}" / f"task_id={name}"
        display.start(name, folder / f"attempt={attempt}.log")
    elif state != "upstream_failed":
        display.end(name, state, float(task["duration"] or 0.0))
