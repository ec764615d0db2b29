"""The DAG of the drift watch, and drift that starts a night for one product: under Airflow's own scheduler."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import time
import urllib.parse
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tiny_project import calls, make_tiny, nightshift, start

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.night.services import free_port


def loaded(root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_under_test", root / "dags" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def dag(root: Path) -> Any:
    return loaded(root, "drift_watch").dag


def test_each_product_is_watched_and_may_ask_for_a_training(root: Path, dag: Any) -> None:
    params = load_params(root / "params.yaml")
    for name in params.products:
        watch, ask = dag.get_task(f"{name}.watch"), dag.get_task(f"{name}.ask_retrain")
        assert watch.downstream_task_ids == {ask.task_id}
        assert [asset.uri for asset in ask.outlets] == [f"nightshift://drift/{name}"]
        assert ask.trigger_rule == "none_failed"  # also after a skipped watch: what a killed run did not pass on waits
    assert dag.schedule == params.night.watch_schedule
    assert dag.max_active_runs == 1
    assert dag.catchup is False


def test_the_night_starts_by_time_or_by_drift_of_any_product(root: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    night = loaded(root, "nightly_retrain").dag
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(night))
    uris = {asset.uri for _, asset in stored.timetable.asset_condition.iter_assets()}
    assert uris == {f"nightshift://drift/{name}" for name in load_params(root / "params.yaml").products}
    assert stored.timetable.timetable.summary == load_params(root / "params.yaml").night.schedule


def test_the_products_of_a_run_are_those_of_its_events() -> None:
    from pipelines.night.drift import asked_for, drift_asset

    events = {
        drift_asset("a"): [SimpleNamespace(extra={"product": "a", "why": "data_drift since 9"})],
        drift_asset("b"): [SimpleNamespace(extra={})],
    }
    assert asked_for({"triggering_asset_events": events}) == {"a": "data_drift since 9", "b": "drift"}
    assert asked_for({}) == {}


def test_nothing_asked_for_is_a_skipped_task_without_an_event(project: Layout, monkeypatch: Any) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from pipelines.night.drift import AskRetrainOperator

    monkeypatch.delenv("NIGHTSHIFT_RECORDS_URL", raising=False)
    operator = AskRetrainOperator(task_id="ask", root=str(project.root), product="credit_risk_demo")
    with pytest.raises(AirflowSkipException, match="no retraining"):
        operator.execute({"run_id": "r", "outlet_events": {}})


@pytest.mark.slow
@pytest.mark.night
@pytest.mark.service
def test_drift_of_one_product_starts_its_night_alone_and_once(tmp_path: Path, monkeypatch: Any) -> None:
    """Scheduler, DAG processor and API server as `nightshift up` starts them."""
    from pipelines.night.api import AirflowApi

    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    tiny = make_tiny(tmp_path / "tiny", ("alpha", "beta"), ("one",))
    nightshift(tiny, "snapshot", "--data", "all")
    (tiny.root / "drift.txt").write_text("beta")
    ports = [str(free_port()) for _ in range(3)]
    process = start(tiny, "up", "--ui-port", ports[0], "--service-port", ports[1], "--reports-port", ports[2])
    try:
        wait_for(lambda: (tiny.state / "up.json").exists() or process.poll() is not None, 240)
        api = AirflowApi(tiny, json.loads((tiny.state / "up.json").read_text())["airflow"])
        for number in (1, 2):
            run = f"watch_{number}"
            api.call("POST", "/api/v2/dags/drift_watch/dagRuns", {"dag_run_id": run, "logical_date": None})
            wait_for(lambda run=run: state_of(api, "drift_watch", run) == "success", 120)
        wait_for(lambda: [state for _, state in nights(api)] == ["success"], 180)
        run = nights(api)[0][0]
        made = next(folder for folder in tiny.nights.iterdir() if (folder / "plan.json").is_file())
        (lane,) = json.loads((made / "plan.json").read_text())["lanes"]
        assert lane["product"] == "beta"
        assert lane["drift"].startswith("measured_loss since ")
        page = api.call("GET", f"/api/v2/dags/nightly_retrain/dagRuns/{urllib.parse.quote(run)}/taskInstances")
        ran = {task["task_id"] for task in page["task_instances"] if task["state"] == "success"}
        assert {"plan", "beta.release", "scoreboard"} <= ran
        assert not any(name.startswith("alpha.") for name in ran)
        assert "release beta after drift" in calls(tiny)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


def nights(api: Any) -> list[tuple[str, str]]:
    runs = api.call("GET", "/api/v2/dags/nightly_retrain/dagRuns")["dag_runs"]
    return [(run["dag_run_id"], run["state"]) for run in runs if run["run_type"] == "asset_triggered"]


def state_of(api: Any, dag: str, run: str) -> str:
    return str(api.call("GET", f"/api/v2/dags/{dag}/dagRuns/{urllib.parse.quote(run)}")["state"])


def wait_for(condition: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.5)
