"""A person's answer through a real Airflow: scheduler, API server, the asset event, the REST API that the UI uses."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import TASKS, pack_lane, write_params
from tiny_project import environment

from pipelines.config import Params, load_params
from pipelines.layout import Layout
from pipelines.night.airflow_env import LOCALHOST
from pipelines.night.api import AirflowApi
from pipelines.night.services import Services, free_port
from pipelines.night.under_scheduler import PARTS
from pipelines.night.up import airflow_services, prepare_runner
from pipelines.records import registry
from pipelines.records.registry import Promotion, Version
from pipelines.records.store import open_records
from pipelines.release import release, releasing
from pipelines.release.commands import history_lines
from pipelines.verdicts import Verdict

pytestmark = [pytest.mark.night, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_HOURS = {"breast": 1.0, "wine": 1.0, "diabetes": 0.001}  # diabetes: 3.6 s

ANSWERS = {
    "breast.ask": ("Promote", "the card looks right"),
    "wine.ask": ("Keep the champion", "not before the holidays"),
}

NIGHT = """
from airflow.sdk import DAG, BaseOperator
from pipelines.night.approval import MAY_WAIT, waits


class Emit(BaseOperator):
    def execute(self, context):
        for product in ("breast", "wine", "diabetes"):
            context["outlet_events"][MAY_WAIT].add(waits(product), extra={"product": product, "night": "n2"})


with DAG("events", schedule=None, is_paused_upon_creation=False):
    Emit(task_id="emit", outlets=[MAY_WAIT])
"""


def until(found: Callable[[], Any], seconds: float = 180.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.3)
    raise TimeoutError


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Three products whose packaged models wait for approval; breast has a champion."""
    layout = Layout(tmp_path)
    params = write_params(layout)
    monkeypatch.setattr(releasing, "smoke", _passed)
    assert pack_lane(layout, params, "breast", 3, 1).passed
    assert release(layout, params, "breast", "n1").outcome == "promoted"
    careful = _with_approval(layout, params)
    for product in TASKS:
        assert pack_lane(layout, careful, product, 0, 60).passed
        assert release(layout, careful, product, "n2").outcome == "waits for approval"
    shutil.copytree(
        ROOT / "dags", tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__", "nightly_*", "drift_*")
    )
    (tmp_path / "dags" / "events.py").write_text(NIGHT)
    return layout


def _passed(_layout: Layout, _params: Params, product: str, *_: object) -> Verdict:
    return Verdict(gate="smoke", product=product, status="passed")


def _with_approval(layout: Layout, params: Params) -> Params:
    import yaml

    content = params.model_dump(mode="json")
    for name, hours in TIMEOUT_HOURS.items():
        content["products"][name]["release"] |= {"promote": "approval", "approval_hours": hours}
    layout.params.write_text(yaml.safe_dump(content))
    return load_params(layout.params)


@pytest.fixture
def api(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowApi]:
    for name, value in environment(layout).items():
        monkeypatch.setenv(name, value)
    for name in ("AIRFLOW_HOME", "AIRFLOW__CORE__LOAD_EXAMPLES", "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    port = free_port()
    address = f"http://{LOCALHOST}:{port}"
    with Services(layout.root, prepare_runner(layout, port, 3)) as services:
        for part in airflow_services(layout, address, PARTS):
            services.start(part)
        services.wait_healthy(240)
        yield AirflowApi(layout, address)


def test_approval_refusal_and_silence_through_airflow(layout: Layout, api: AirflowApi) -> None:
    until(lambda: {"events", "promote"} <= {dag["dag_id"] for dag in api.call("GET", "/api/v2/dags")["dags"]})
    api.call("POST", "/api/v2/dags/events/dagRuns", {"logical_date": None})
    questions = until(lambda: _waiting(api, {"breast.ask", "wine.ask"}))
    assert all("champion: passed" in questions[name]["body"] for name in questions)
    assert "would take over from" in questions["breast.ask"]["body"]
    assert "difference" in questions["breast.ask"]["body"]
    until(lambda: _all_ended(api))
    assert {run["state"] for run in _runs(api)} == {"success"}
    champion, past, versions = _recorded(layout, "breast")
    assert champion == past[0].to_version == versions[-1].version
    assert past[0].who.endswith(", in Airflow")
    assert past[0].why == "the card looks right"
    assert set(past[0].numbers) >= {"smoke", "champion"}
    assert f"{past[0].who}: the card looks right" in "\n".join(history_lines(layout, "breast"))
    champion, past, versions = _recorded(layout, "wine")
    assert (champion, past) == (None, [])
    assert versions[-1].verdicts["approval"]["reason"].endswith(", in Airflow: not before the holidays")
    champion, past, versions = _recorded(layout, "diabetes")
    assert (champion, past) == (None, [])
    assert versions[-1].verdicts["approval"]["reason"] == "nobody: no answer within 0.001 h"
    assert "declined by nobody: no answer within 0.001 h" in "\n".join(history_lines(layout, "diabetes"))


def _waiting(api: AirflowApi, names: set[str]) -> dict[str, Any]:
    found = api.call("GET", "/api/v2/dags/promote/dagRuns/~/hitlDetails")["hitl_details"]
    by_task = {item["task_instance"]["task_id"]: item for item in found if not item["response_received"]}
    return by_task if names <= set(by_task) else {}


def _runs(api: AirflowApi) -> list[dict[str, Any]]:
    return list(api.call("GET", "/api/v2/dags/promote/dagRuns")["dag_runs"])


def _all_ended(api: AirflowApi) -> bool:
    """Answer as a person would, seconds after the question: of an answer that comes before the scheduler has seen the
    task pause, Airflow may think that the task was lost, and asks again."""
    time.sleep(2)
    for name, question in _waiting(api, set()).items():
        if name in ANSWERS:
            _answer(api, question, *ANSWERS[name])
    return all(run["state"] in {"success", "failed"} for run in _runs(api))


def _answer(api: AirflowApi, question: dict[str, Any], option: str, why: str) -> None:
    task = question["task_instance"]
    api.call(
        "PATCH",
        f"/api/v2/dags/promote/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/-1/hitlDetails",
        {"chosen_options": [option], "params_input": {"why": why}},
    )


def _recorded(layout: Layout, product: str) -> tuple[str | None, list[Promotion], list[Version]]:
    records = open_records(layout.records_url)
    try:
        return (
            registry.champion(records, product),
            registry.history(records, product),
            registry.list_versions(records, product),
        )
    finally:
        records.close()
