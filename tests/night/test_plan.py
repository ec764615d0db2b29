from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import load_params
from pipelines.errors import ConfigError, SourceError
from pipelines.layout import Layout
from pipelines.night import plan as planning
from pipelines.night.names import lane_tasks
from pipelines.night.plan import first_change, judge, select
from pipelines.verdicts import Verdict, write_verdict

PASSED = ("passed", "", {"fingerprint": "f1"}, "n1")
BLOCKED = ("blocked", "validate: blocked: 7% -> look", {"fingerprint": "f1"}, "n1")


def test_a_lane_that_passed_and_has_not_changed_is_left_alone() -> None:
    lane = judge("alpha", "", "", "f1", PASSED)
    assert (lane.action, lane.since) == ("unchanged", "n1")


def test_an_unchanged_night_keeps_the_night_that_last_ran_the_lane() -> None:
    before = ("unchanged", "", {"fingerprint": "f1", "since": "n1"}, "n7")
    assert judge("alpha", "", "", "f1", before).since == "n1"


def test_a_blocked_lane_stays_blocked_with_its_first_night_and_its_reason() -> None:
    first = judge("alpha", "", "", "f1", BLOCKED)
    assert (first.action, first.since, first.reason) == ("blocked", "n1", "validate: blocked: 7% -> look")
    again = ("blocked", f"unchanged since n1: {first.reason}", {"fingerprint": "f1", "since": "n1"}, "n2")
    second = judge("alpha", "", "", "f1", again)
    assert (second.action, second.since, second.reason) == ("blocked", "n1", first.reason)


@pytest.mark.parametrize(
    ("snapshot", "stale", "fingerprint", "before", "force"),
    [
        ("the host is gone -> wait", "", "f1", PASSED, False),
        ("", "fetch@alpha", "f1", PASSED, False),
        ("", "", "f1", None, False),
        ("", "", "f2", PASSED, False),  # built, then killed before release
        ("", "", "f1", ("failed", "watch: no -> mend", {"fingerprint": "f1"}, "n1"), False),
        ("", "", "f1", PASSED, True),
        ("", "", "f1", BLOCKED, True),
    ],
)
def test_every_other_lane_runs(
    snapshot: str, stale: str, fingerprint: str, before: tuple[str, str, dict[str, str], str] | None, force: bool
) -> None:
    lane = judge("alpha", snapshot, stale, fingerprint, before, force)
    assert lane.action == "run"
    assert lane.snapshot == snapshot
    assert lane.reason


@given(
    stale=st.sampled_from(["", "fetch@a", "package@a"]),
    snapshot=st.sampled_from(["", "gone"]),
    same=st.booleans(),
    status=st.sampled_from(["passed", "blocked", "failed", "unchanged"]),
    force=st.booleans(),
)
def test_only_a_finished_lane_without_any_change_may_rest(
    stale: str, snapshot: str, same: bool, status: str, force: bool
) -> None:
    lane = judge("a", snapshot, stale, "f1", (status, "why", {"fingerprint": "f1" if same else "f0"}, "n1"), force)
    may_rest = same and not stale and not snapshot and not force and status != "failed"
    assert (lane.action != "run") == may_rest


def test_stages_behind_a_blocked_gate_do_not_make_a_lane_stale(project: Layout) -> None:
    params = load_params(project.params)
    tasks = lane_tasks(params, "credit_risk_demo")
    behind = {"label@credit_risk_demo", "package@credit_risk_demo"}
    assert first_change(project, tasks, behind) == "label@credit_risk_demo"
    verdict = Verdict(gate="contract", product="credit_risk_demo", status="blocked", reason="7%")
    write_verdict(project.stage("validate", "credit_risk_demo"), verdict)
    assert first_change(project, tasks, behind) == ""
    assert first_change(project, tasks, {*behind, "fetch@credit_risk_demo"}) == "fetch@credit_risk_demo"


def test_one_failing_source_does_not_keep_the_others_from_being_pinned(
    project: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def take(layout: Layout, params: object, product: str, as_of: date) -> None:
        taken.append(product)
        if product == "credit_risk":
            raise SourceError("the host is gone", where={"product": product}, next_step="wait")

    monkeypatch.setattr("pipelines.night.snapshot.take_snapshot", take)
    names = ["credit_risk", "credit_risk_demo"]
    failed = planning.take_snapshots(project, load_params(project.params), names, date(2026, 11, 24))
    assert taken == names
    assert failed == {"credit_risk": "the host is gone [product=credit_risk] -> wait"}


def test_lanes_are_chosen_by_set_or_by_name(project: Layout) -> None:
    params = load_params(project.params)
    assert select(params, "demo", []) == [name for name, block in params.products.items() if block.data == "demo"]
    assert select(params, "demo", ["credit_risk"]) == ["credit_risk"]
    assert select(params, "all", []) == list(params.products)
    with pytest.raises(ConfigError, match="choose one of: demo, public, all"):
        select(params, "everything", [])
    with pytest.raises(ConfigError, match="no product 'nobody'"):
        select(params, "demo", ["nobody"])


def test_a_fingerprint_covers_its_own_lane_only(project: Layout) -> None:
    params = load_params(project.params)
    names = list(params.products)

    def prints(lock: str) -> dict[str, str]:
        (project.root / "dvc.lock").write_text(lock)
        return planning.fingerprints(project, params, names)

    empty = prints("schema: '2.0'\n")
    one = prints("schema: '2.0'\nstages:\n  fetch@credit_risk:\n    cmd: a\n")
    other = prints("schema: '2.0'\nstages:\n  fetch@credit_risk:\n    cmd: b\n")
    assert empty["credit_risk_demo"] == one["credit_risk_demo"] == other["credit_risk_demo"]
    assert len({empty["credit_risk"], one["credit_risk"], other["credit_risk"]}) == 3


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    lanes = (planning.LanePlan("alpha", "run", "why"), planning.LanePlan("beta", "unchanged", "same", since="n1"))
    plan = planning.NightPlan("n2", "2026-11-24", "demo", lanes)
    planning.write_plan(layout, plan)
    assert planning.read_plan(layout, "n2") == plan
    assert planning.read_plan(layout, "n3") is None
    assert plan.to_run() == {"alpha"}
