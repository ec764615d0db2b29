from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.night import approval, operators
from pipelines.night.approval import KEEP, MAY_WAIT, PROMOTE, ReleaseOperator, answer_of, asked_for, waits
from pipelines.night.lane_step import StepResult, note

ANN = {"id": "1", "name": "ann"}


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"{path.stem}_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.dag


@pytest.fixture(scope="module")
def dag(root: Path) -> Any:
    return loaded(root / "dags" / "promote.py")


def test_each_product_is_asked_about_apart_and_no_answer_keeps_the_champion(dag: Any) -> None:
    products = {task_id.split(".")[0] for task_id in dag.task_ids}
    for product in products:
        asks = dag.get_task(f"{product}.ask")
        assert asks.options == [PROMOTE, KEEP]
        assert asks.defaults == [KEEP]
        assert asks.response_timeout == timedelta(hours=24)
        assert asks.execution_timeout is None  # it would end the task before a person has answered
        assert asks.upstream_task_ids == {f"{product}.question"}
        assert asks.downstream_task_ids == {f"{product}.answer"}
        assert dag.get_task(f"{product}.question").upstream_task_ids == set()


def test_the_night_starts_it_by_its_asset_and_waits_for_nothing(root: Path, dag: Any) -> None:
    products = {task_id.split(".")[0] for task_id in dag.task_ids}
    assert list(dag.timetable.asset_condition.objects) == [
        waits(name) for name in load_params(root / "params.yaml").products
    ]
    assert len(products) == len(dag.timetable.asset_condition.objects)
    night = loaded(root / "dags" / "nightly_retrain.py")
    for task_id in night.task_ids:
        assert night.get_task(task_id).outlets == ([MAY_WAIT] if task_id.endswith(".release") else [])
        assert not hasattr(night.get_task(task_id), "response_timeout")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            {"chosen_options": [PROMOTE], "params_input": {"why": " good "}, "responded_by_user": ANN},
            ("approve", "ann, in Airflow", "good"),
        ),
        (
            {"chosen_options": [KEEP], "params_input": {}, "responded_by_user": {"id": "7", "name": ""}},
            ("decline", "7, in Airflow", ""),
        ),
        ({"chosen_options": [KEEP], "responded_by_user": None}, ("decline", "nobody", "no answer within 1.5 h")),
        # defaults that somebody has changed never promote without a person
        ({"chosen_options": [PROMOTE], "responded_by_user": None}, ("decline", "nobody", "no answer within 1.5 h")),
    ],
)  # fmt: skip
def test_an_answer_is_read_with_who_gave_it(response: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert answer_of(response, 1.5) == expected


def test_a_run_is_about_the_products_of_its_events_or_the_one_named_by_hand() -> None:
    events = {waits(name): [SimpleNamespace(extra={"product": name})] for name in ("a", "b")}
    assert asked_for({"params": {"product": None}, "triggering_asset_events": events}) == ["a", "b"]
    assert asked_for({"params": {"product": "c"}, "triggering_asset_events": events}) == ["c"]
    assert asked_for({"params": {}}) == []


class Events(dict[Any, Any]):
    def __missing__(self, alias: Any) -> Any:
        added: list[Any] = []
        self[alias] = SimpleNamespace(added=added, add=lambda asset, extra: added.append((asset, extra)))
        return self[alias]


@pytest.mark.parametrize(("outcome", "number"), [("waits for approval", 1), ("promoted", 0), ("champion stays", 0)])
def test_the_release_step_has_an_event_only_when_its_model_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str, number: int
) -> None:
    def execute(self: Any, context: Any) -> None:
        note(Layout(tmp_path), "n1", self.lane_task, StepResult("passed", "", facts={"outcome": outcome}))

    monkeypatch.setattr(operators.LaneOperator, "execute", execute)
    task = ReleaseOperator(task_id="p.release", root=str(tmp_path), product="p", step="release", outlets=[MAY_WAIT])
    context = {"run_id": "n1", "outlet_events": Events()}
    approval.ReleaseOperator.execute.__wrapped__(task, context)  # without Airflow's guard against calls by hand
    assert context["outlet_events"][MAY_WAIT].added == [(waits("p"), {"product": "p", "night": "n1"})] * number
