from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.night import lane_step
from pipelines.night.lane_step import StepResult, read_note
from pipelines.night.names import LaneTask
from pipelines.night.plan import LanePlan, NightPlan, write_plan

RUN = "scheduled__2026-11-24T02:00:00+00:00"
NIGHT = "scheduled__2026-11-24T02-00-00+00-00"


@pytest.fixture(autouse=True)
def _outlives_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task would tie its process, here pytest's own, to the parent."""
    from pipelines.night import operators

    monkeypatch.setattr(operators, "die_with_parent", lambda: None)


def context(**given: Any) -> dict[str, Any]:
    return {"run_id": RUN, "params": {"as_of": "2026-11-24", **given}}


def operator(project: Layout, step: str = "fetch") -> Any:
    from pipelines.night.operators import LaneOperator

    return LaneOperator(task_id=step, root=str(project.root), product="credit_risk_demo", step=step)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (StepResult("blocked", "blocked: 7% -> look"), "AirflowFailException"),
        (StepResult("failed", "no column -> mend"), "AirflowFailException"),
        (StepResult("failed", "DVC is busy -> wait", transient=True), "AirflowException"),
        (StepResult("blocked", "blocked: x -> y", transient=True), "AirflowFailException"),
    ],
)
def test_only_a_transient_failure_is_tried_again(
    project: Layout, monkeypatch: pytest.MonkeyPatch, result: StepResult, expected: str
) -> None:
    monkeypatch.setattr(lane_step.LaneStep, "run", lambda _: result)
    with pytest.raises(Exception, match=result.line) as raised:
        operator(project).execute(context())
    assert type(raised.value).__name__ == expected


def test_a_step_that_passed_raises_nothing(project: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[lane_step.LaneStep] = []
    monkeypatch.setattr(lane_step.LaneStep, "run", lambda step: seen.append(step) or StepResult("passed", "fine"))
    operator(project).execute(context())
    limit = load_params(project.params).night.stage_timeout_minutes * 60
    assert (seen[0].night, seen[0].task, seen[0].timeout_seconds) == (
        NIGHT,
        LaneTask("credit_risk_demo", "fetch"),
        limit,
    )


def test_a_snapshot_that_the_plan_has_taken_is_not_taken_again(
    project: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_step.LaneStep, "run", lambda _: pytest.fail("started a process"))
    lane = LanePlan("credit_risk_demo", "run", "why")
    write_plan(project, NightPlan(NIGHT, "2026-11-24", "demo", (lane,)))
    operator(project, "snapshot").execute(context())
    noted = read_note(project, NIGHT, LaneTask("credit_risk_demo", "snapshot"))
    assert noted is not None
    assert noted.status == "passed"


def test_a_snapshot_that_failed_in_the_plan_is_tried_in_its_own_lane(
    project: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_step.LaneStep, "run", lambda _: StepResult("failed", "the host is gone -> wait"))
    lane = LanePlan("credit_risk_demo", "run", "why", snapshot="the host is gone -> wait")
    write_plan(project, NightPlan(NIGHT, "2026-11-24", "demo", (lane,)))
    with pytest.raises(Exception, match="the host is gone"):
        operator(project, "snapshot").execute(context())


def test_being_killed_ends_the_step(project: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    lane = operator(project)
    monkeypatch.setattr(lane_step.LaneStep, "run", lambda _: lane.on_kill() or StepResult("passed", "fine"))
    monkeypatch.setattr(lane_step.LaneStep, "end", lambda step: ended.append(step.task.name))
    lane.execute(context())
    assert ended == ["fetch"]


def test_the_day_is_the_parameter_else_the_end_of_the_interval_else_the_time_of_the_run() -> None:
    from pipelines.night.operators import as_of_day

    run = SimpleNamespace(run_after=datetime(2026, 11, 26, 1, tzinfo=UTC))
    end = datetime(2026, 11, 25, 2, tzinfo=UTC)
    assert as_of_day({"params": {"as_of": "2026-11-24"}, "data_interval_end": end, "dag_run": run}) == "2026-11-24"
    assert as_of_day({"params": {"as_of": None}, "data_interval_end": end, "dag_run": run}) == "2026-11-25"
    assert as_of_day({"params": {}, "data_interval_end": None, "dag_run": run}) == "2026-11-26"


def test_a_broken_params_file_fails_the_task_with_its_line(project: Layout) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    project.params.write_text("products: [")
    with pytest.raises(AirflowFailException, match=r"params\.yaml"):
        operator(project).execute(context())


def test_a_failure_is_mailed_with_its_line(project: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.monitoring import mail
    from pipelines.night.operators import mail_failure

    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(mail, "send_failure", lambda *words: sent.append(words[2:]))
    ti = SimpleNamespace(task=operator(project))
    mail_failure({"ti": ti, "run_id": RUN, "exception": RuntimeError("no column -> mend")})
    assert sent == [("credit_risk_demo", "fetch", "no column -> mend", NIGHT)]


def test_the_end_of_the_night_tries_to_send_the_mails_that_wait(
    project: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.monitoring import outbox
    from pipelines.night import repair, scoreboard, summary
    from pipelines.night.operators import ScoreboardOperator

    asked: list[Layout] = []
    monkeypatch.setattr(outbox, "deliver", lambda layout: asked.append(layout) or outbox.Delivery())
    monkeypatch.setattr(summary, "close_night", lambda *_: SimpleNamespace(failed=0, lanes=()))
    monkeypatch.setattr(summary, "keep_night", lambda *_: "kept")
    monkeypatch.setattr(repair, "keep_good_lock", lambda _: None)
    monkeypatch.setattr(scoreboard, "render", lambda _: "")
    ti = SimpleNamespace(dag_id="nightly_retrain", get_task_states=lambda **_: {})
    wanted = {"data": "demo", "products": []}
    ScoreboardOperator(task_id="scoreboard", root=str(project.root)).execute({**context(**wanted), "ti": ti})
    assert [layout.root for layout in asked] == [project.root]
    assert "outbox: empty" in capsys.readouterr().out
