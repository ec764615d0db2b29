"""Two past days through Airflow's own backfill: each night has its own day's data, and one runs after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tiny_project import environment, make_tiny

from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.airflow_env import LOCALHOST, airflow_environment, migrate
from pipelines.night.api import AirflowApi
from pipelines.night.kept import restore
from pipelines.night.services import Services, free_port
from pipelines.night.up import airflow_services

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.night]
DAYS = ("2026-11-01", "2026-11-02")
PARTS = ("api-server", "scheduler", "dag-processor")


def backfill(layout: Layout, variables: dict[str, str]) -> None:
    conf = json.dumps({"data": "all", "products": ["alpha"]})
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", "nightly_retrain", "--from-date", DAYS[0],
         "--to-date", f"{DAYS[1]}T12:00:00+00:00", "--dag-run-conf", conf],
        cwd=layout.root, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def run_ids(api: AirflowApi) -> dict[str, str]:
    runs = api.call("GET", "/api/v2/dags/nightly_retrain/dagRuns", query={"limit": 50})["dag_runs"]
    return {str(run["dag_run_id"]): str(run["state"]) for run in runs if run["run_type"] == "backfill"}


def spans(layout: Layout, night: str) -> tuple[float, float]:
    """From the first step's start to the last one's end, snapshot left out: the plan takes it."""
    notes = [json.loads(path.read_text()) for path in (layout.night(night, "alpha") / "steps").glob("*.json")]
    timed = [(note["started"], note["started"] + note["seconds"]) for note in notes if note["seconds"]]
    return min(start for start, _ in timed), max(end for _, end in timed)


def test_each_date_of_a_backfill_is_a_night_of_its_own_with_its_own_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_HOME", "NIGHTSHIFT_ROOT"):
        monkeypatch.delenv(name, raising=False)
    layout = make_tiny(tmp_path / "tiny", products=("alpha",), models=("one",))
    port = free_port()
    variables = {**environment(layout), **airflow_environment(layout, port)}
    migrate(layout, variables)
    address = f"http://{LOCALHOST}:{port}"
    with Services(layout.root, variables) as services:
        for part in airflow_services(layout, address, PARTS):
            services.start(part)
        services.wait_healthy(180)
        api = AirflowApi(layout, address)
        until = time.monotonic() + 60
        while "nightly_retrain" not in str(api.call("GET", "/api/v2/dags")) and time.monotonic() < until:
            time.sleep(0.5)
        backfill(layout, variables)
        until = time.monotonic() + 300
        while time.monotonic() < until:
            states = run_ids(api)
            if len(states) == 2 and set(states.values()) <= {"success", "failed"}:
                break
            time.sleep(0.5)
    assert list(states.values()) == ["success", "success"], states
    kept = {night.night for night in git_store.kept_nights(layout.root)}
    locks = {}
    for day in DAYS:
        night = next(name for name in kept if day in name)
        board = json.loads(git_store.read_file(layout.root, night, "scoreboard.json") or b"")
        assert board["as_of"] == day
        lock = yaml.safe_load(git_store.read_file(layout.root, night, "dvc.lock") or b"")
        locks[night] = next(d["md5"] for d in lock["stages"]["fetch@alpha"]["deps"] if "snapshots" in d["path"])
        restore(layout, night, "alpha")
        pinned = json.loads((layout.stage("fetch", "alpha") / "pin.json").read_text())
        assert pinned["last_day"] == day
    assert len(set(locks.values())) == 2
    (_, first_end), (second_start, _) = sorted(spans(layout, night) for night in locks)
    assert first_end < second_start  # Airflow would have run both at once
