from __future__ import annotations

import pytest

from pipelines.config import Params, load_params
from pipelines.files import write_json
from pipelines.layout import Layout
from pipelines.night.lane_step import StepResult, note
from pipelines.night.names import LaneTask, lane_tasks
from pipelines.night.plan import LanePlan, NightPlan, judge, write_plan
from pipelines.night.scoreboard import render
from pipelines.night.summary import NightSummary, close_night, read_summary
from pipelines.records.scoreboard import find_night, last_lane
from pipelines.records.store import open_records
from pipelines.verdicts import Verdict, write_verdict

DEMO = "credit_risk_demo"


@pytest.fixture
def params(project: Layout) -> Params:
    return load_params(project.params)


def finish(layout: Layout, params: Params, night: str, until: str = "watch") -> dict[str, str | None]:
    """Notes and states of a lane that passed up to and with one task."""
    states: dict[str, str | None] = {}
    reached = False
    for task in lane_tasks(params, DEMO):
        if reached:
            states[task.task_id] = "upstream_failed"
            continue
        verdicts = {"verdicts": [["smoke", "passed"]]} if task.step == "release" else {}
        note(layout, night, task, StepResult("passed", "fine", facts={"cached": False, **verdicts}, seconds=1.5))
        states[task.task_id] = "success"
        reached = task.name == until
    return states


def close(
    layout: Layout, params: Params, night: str, states: dict[str, str | None], lane: LanePlan | None = None
) -> NightSummary:
    lane = lane or LanePlan(DEMO, "run", "fetch has changed")
    write_plan(layout, NightPlan(night, "2026-11-24", "demo", (lane,)))
    return close_night(layout, params, night, states, "demo", [], "2026-11-24")


def fill_lane(layout: Layout) -> None:
    """What the stages of a lane that passed leave behind, as far as the scoreboard reads it."""
    import pandas as pd

    from pipelines.files import write_parquet

    write_parquet(layout.stage("fetch", DEMO) / "rows.parquet", pd.DataFrame({"ID": range(1200)}))
    write_parquet(layout.stage("validate", DEMO) / "quarantine.parquet", pd.DataFrame({"ID": range(7)}))
    write_json(
        layout.stage("evaluate", DEMO) / "result" / "choice.json",
        {
            "members": [{"model": "lightgbm", "weight": 0.5}, {"model": "tabm", "weight": 0.5}],
            "metric": {"name": "roc_auc", "value": 0.78123, "low": 0.77, "high": 0.79},
        },
    )
    write_verdict(layout.stage("validate", DEMO), Verdict(gate="contract", product=DEMO, status="passed"))


def test_a_lane_that_passed_shows_all_it_is_asked_for(project: Layout, params: Params) -> None:
    fill_lane(project)
    page = project.night("n1", DEMO) / "drift" / "report.html"
    page.parent.mkdir(parents=True)
    page.write_text("drift")
    summary = close(project, params, "n1", finish(project, params, "n1"))
    lane = summary.lanes[0]
    assert (lane.status, lane.rows, lane.quarantined, lane.model) == ("passed", 1200, 7, "lightgbm + tabm")
    assert summary.failed == 0
    text = render(summary)
    for expected in ("1,200", "0.7812 [0.7700, 0.7900]", "contract:ok", "smoke:ok", "drift/report.html", "1.5"):
        assert expected in text
    assert read_summary(project, "n1") == summary
    records = open_records(project.records_url)
    night, kept = find_night(records, "n1"), last_lane(records, DEMO)
    assert night is not None
    assert kept is not None
    assert (night.status, kept.status, kept.durations["train_lightgbm"]) == ("passed", "passed", 1.5)


def test_a_recorded_lane_lets_the_next_night_rest(project: Layout, params: Params) -> None:
    fill_lane(project)
    close(project, params, "n1", finish(project, params, "n1"))
    kept = last_lane(open_records(project.records_url), DEMO)
    assert kept is not None
    before = (kept.status, kept.message, kept.numbers, kept.night)
    lane = judge(DEMO, "", "", kept.numbers["fingerprint"], before)
    assert lane.action == "unchanged"
    second = close(project, params, "n2", {}, lane)
    assert (second.failed, second.lanes[0].status, second.lanes[0].since) == (0, "unchanged", "n1")
    assert (second.lanes[0].rows, second.lanes[0].model) == (1200, "lightgbm + tabm")
    assert second.lanes[0].seconds == {}
    assert ("smoke", "passed") in second.lanes[0].gates


def test_a_blocked_lane_names_the_gate_and_what_to_do_and_stays_blocked(project: Layout, params: Params) -> None:
    states = finish(project, params, "n1", until="fetch")
    task = LaneTask(DEMO, "validate")
    note(project, "n1", task, StepResult("blocked", "blocked: 7% in quarantine -> look at quarantine.parquet"))
    states[task.task_id] = "failed"
    summary = close(project, params, "n1", states)
    assert (summary.failed, summary.lanes[0].status) == (1, "blocked")
    line = f"{DEMO}: validate: blocked: 7% in quarantine -> look at quarantine.parquet"
    assert line in render(summary)
    kept = last_lane(open_records(project.records_url), DEMO)
    assert kept is not None
    lane = judge(DEMO, "", "", kept.numbers["fingerprint"], (kept.status, kept.message, kept.numbers, kept.night))
    second = close(project, params, "n2", {}, lane)
    assert second.failed == 1
    assert "unchanged since n1: validate: blocked: 7% in quarantine" in render(second)


def test_a_task_that_was_killed_before_it_could_note_anything_fails_its_lane(project: Layout, params: Params) -> None:
    states = finish(project, params, "n1", until="prepare")
    states[f"{DEMO}.train_lightgbm"] = "failed"
    summary = close(project, params, "n1", states)
    assert summary.lanes[0].status == "failed"
    assert "train_lightgbm: ended as failed without a note" in summary.lanes[0].message


def test_a_lane_whose_tasks_never_started_has_not_passed(project: Layout, params: Params) -> None:
    assert close(project, params, "n1", {}).lanes[0].status == "failed"


def test_a_plan_that_failed_fails_every_selected_lane_with_its_line(project: Layout, params: Params) -> None:
    write_plan(project, NightPlan("n1", "2026-11-24", "demo", (), "DVC is busy -> wait"))
    summary = close_night(project, params, "n1", {"plan": "failed"}, "demo", [], "2026-11-24")
    assert summary.failed == len(params.select("demo"))
    assert f"{DEMO}: plan: DVC is busy -> wait" in render(summary)
    unknown = close_night(project, params, "n1", {"plan": "failed"}, "demo", ["nobody"], "2026-11-24")
    assert unknown.failed == 1
    assert "DVC is busy" in render(unknown)
