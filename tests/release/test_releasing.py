"""From a packaged bundle to the champion, with a real service under the smoke gate where it matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bundles import bundle_of, pack_lane, write_params

from pipelines.bundle import verify_bundle
from pipelines.config import Params
from pipelines.errors import BundleError, RecordsError, StageError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.store import Records, open_records
from pipelines.records.turns import put_day
from pipelines.release import approval, plan, promote, release, releasing, rollback
from pipelines.verdicts import Check, Verdict


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def params(layout: Layout) -> Params:
    return write_params(layout)


@pytest.fixture
def records(layout: Layout) -> Records:
    return open_records(layout.records_url)


@pytest.fixture
def smoke_says(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The smoke gate's word, without a server: the list's last item. The real gate has tests of its own."""
    words = ["passed"]

    def said(layout: Layout, params: Params, product: str, bundle: Path, version: str) -> Verdict:
        verify_bundle(bundle, version)
        return Verdict(gate="smoke", product=product, status=words[-1], checks=(Check(name="s", ok=True),))  # type: ignore[arg-type]

    monkeypatch.setattr(releasing, "smoke", said)
    return words


def pack(layout: Layout, params: Params, seed: int = 0, iterations: int = 40) -> None:
    assert pack_lane(layout, params, "breast", seed, iterations).passed


def test_a_night_of_an_older_day_proves_its_model_and_moves_no_champion(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    block = params.products["breast"]
    easy = block.release.model_copy(update={"replace": "not_worse", "margin": 0.5, "calibration_margin": 1.0})
    params = params.model_copy(update={"products": {"breast": block.model_copy(update={"release": easy})}})
    for night, day in (("new", "2026-11-20"), ("old", "2026-11-10"), ("newer", "2026-11-21")):
        put_day(records, night, day)
    pack(layout, params, iterations=3)
    first = release(layout, params, "breast", "new")
    pack(layout, params)
    backfilled = release(layout, params, "breast", "old")
    assert backfilled.outcome == "champion stays"
    assert "up to 2026-11-10, the champion up to 2026-11-20" in backfilled.line
    assert registry.champion(records, "breast") == first.version
    assert release(layout, params, "breast", "newer").outcome == "promoted"


def test_the_first_bundle_becomes_the_champion_and_again_changes_nothing(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    pack(layout, params)
    first = release(layout, params, "breast", "n1")
    assert first.outcome == "promoted"
    assert first.line == f"breast: version {first.version} is the champion, the first one"
    assert [verdict.gate for verdict in first.verdicts] == ["smoke", "champion"]
    assert registry.champion(records, "breast") == first.version
    assert verify_bundle(layout.bundle("breast", first.version), first.version).product == "breast"
    known = registry.find_version(records, "breast", first.version)
    assert known is not None
    assert set(known.digests) == {"code", "data", "params", "split"}
    assert known.metrics == read_json(layout.stage("evaluate", "breast") / "metrics.json")
    assert set(known.verdicts) == {"smoke", "champion"}
    again = release(layout, params, "breast", "n2")
    assert (again.outcome, again.version) == ("already champion", first.version)
    assert len(registry.history(records, "breast")) == 1


def test_a_challenger_that_is_better_takes_over_and_a_worse_one_does_not(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    pack(layout, params, 3, 1)
    first = release(layout, params, "breast", "n1")
    pack(layout, params, 0, 60)
    better = release(layout, params, "breast", "n2")
    assert better.outcome == "promoted"
    assert registry.history(records, "breast")[0].from_version == first.version
    assert registry.history(records, "breast")[0].who == "the night"
    pack(layout, params, 2, 1)
    worse = release(layout, params, "breast", "n3")
    assert worse.outcome == "champion stays"
    assert worse.verdicts[-1].status == "stood_aside"
    assert worse.verdicts[-1].checks[0].value < -params.product("breast").release.margin  # type: ignore[operator]
    assert registry.champion(records, "breast") == better.version


def test_a_smoke_gate_that_says_no_blocks_and_cannot_be_forced(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    smoke_says.append("blocked")
    pack(layout, params)
    result = release(layout, params, "breast", "n1")
    assert result.outcome == "blocked"
    assert registry.champion(records, "breast") is None
    with pytest.raises(StageError, match="smoke: blocked"):
        promote(layout, params, "breast", force=True)
    assert not plan(layout, params, "breast").would_promote


def test_where_a_person_must_approve_the_night_waits_and_promote_does_it(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    content: Any = params.model_dump(mode="json")
    content["products"]["breast"]["release"]["promote"] = "approval"
    careful = Params.model_validate(content)
    pack(layout, careful)
    result = release(layout, careful, "breast", "n1")
    assert result.outcome == "waits for approval"
    assert result.line.endswith("waits for approval: nightshift promote breast")
    assert registry.champion(records, "breast") is None
    proposed = plan(layout, careful, "breast")
    assert proposed.would_promote
    assert registry.champion(records, "breast") is None, "a plan changes nothing"
    step = promote(layout, careful, "breast", who="ann", why="looked at the card")
    assert (step.who, step.why, step.to_version) == ("ann", "looked at the card", result.version)
    assert set(step.numbers) == {"smoke", "champion"}
    with pytest.raises(RecordsError, match="champion already"):
        promote(layout, careful, "breast")


def test_a_version_that_was_declined_is_not_asked_about_again_and_a_person_may_still_promote_it(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    content: Any = params.model_dump(mode="json")
    content["products"]["breast"]["release"]["promote"] = "approval"
    careful = Params.model_validate(content)
    pack(layout, careful)
    version = release(layout, careful, "breast", "n1").version
    asked = approval.question(layout, careful, "breast")
    assert (asked.open, asked.version, asked.champion) == (True, version, None)
    assert "smoke: passed" in asked.body
    assert f"nightshift promote breast {version}" in asked.body
    assert approval.decline(layout, careful, "breast", version, "ann", "not now").endswith("declined by ann: not now")
    assert not approval.question(layout, careful, "breast").open
    again = release(layout, careful, "breast", "n2")
    assert again.outcome == "champion stays"
    assert "was declined (ann: not now)" in again.line
    line = approval.approve(layout, careful, "breast", version, "bob", "")
    assert line == f"breast: {version} is the champion, approved by bob"
    assert approval.approve(layout, careful, "breast", version, "bob", "") == line, "again after a kill"
    assert len(registry.history(records, "breast")) == 1
    with pytest.raises(RecordsError, match="is the champion"):
        approval.decline(layout, careful, "breast", version, "ann", "")


@pytest.mark.slow
def test_drift_asks_for_freshness_and_a_later_look_goes_by_the_same_rule(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    content: Any = params.model_dump(mode="json")
    content["products"]["breast"]["release"] |= {"margin": 0.5, "calibration_margin": 1.0, "promote": "approval"}
    wide = Params.model_validate(content)
    pack(layout, wide, 0, 60)
    approval.approve(layout, wide, "breast", release(layout, wide, "breast", "n1").version, "ann", "")
    pack(layout, wide, 2, 1)
    assert release(layout, wide, "breast", "n2").outcome == "champion stays"
    assert release(layout, wide, "breast", "n3", after_drift=True).outcome == "waits for approval"
    assert plan(layout, wide, "breast").would_promote


def test_a_worse_version_needs_force_and_rollback_brings_the_old_one_back(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    pack(layout, params)
    good = release(layout, params, "breast", "n1").version
    pack(layout, params, 2, 1)
    poor = release(layout, params, "breast", "n2").version
    with pytest.raises(StageError, match="the champion stays"):
        promote(layout, params, "breast")
    step = promote(layout, params, "breast", force=True, why="to compare live")
    assert step.why == "forced: to compare live"
    back = rollback(layout, params, "breast", who="bob")
    assert (back.kind, back.from_version, back.to_version) == ("rollback", poor, good)
    assert registry.champion(records, "breast") == good
    with pytest.raises(RecordsError, match="no earlier champion"):
        rollback(layout, params, "breast")


def test_a_version_that_was_taken_back_is_not_promoted_by_a_night_again(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    pack(layout, params, 3, 1)
    first = release(layout, params, "breast", "n1").version
    pack(layout, params, 0, 60)
    second = release(layout, params, "breast", "n2").version
    rollback(layout, params, "breast", who="bob", why="odd answers")
    again = release(layout, params, "breast", "n3")
    assert (again.version, again.outcome) == (second, "champion stays")
    assert "taken back by bob (odd answers)" in again.line
    assert registry.champion(records, "breast") == first
    promote(layout, params, "breast", second, who="ann", why="it was the input")
    assert registry.champion(records, "breast") == second


def test_rollback_to_a_version_that_never_was_champion_is_refused(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    pack(layout, params)
    release(layout, params, "breast", "n1")
    pack(layout, params, 2, 1)
    never = release(layout, params, "breast", "n2").version
    with pytest.raises(RecordsError, match="never was the champion"):
        rollback(layout, params, "breast", never)


def test_rollbacks_follow_the_stack_of_promotions() -> None:
    from pipelines.records.registry import Promotion
    from pipelines.release.promotion import _before

    def past(*moves: str) -> list[Promotion]:
        steps = [
            Promotion(place, "p", "rollback" if move[0] == "<" else "promote", None, move[-1], "w", "y", None, {}, "")
            for place, move in enumerate(moves)
        ]
        return steps[::-1]

    assert _before(past("a")) is None
    assert _before(past("a", "b", "c")) == "b"
    assert _before(past("a", "b", "c", "<b")) == "a"
    assert _before(past("a", "b", "c", "<a")) is None
    assert _before(past("a", "b", "<a", "c")) == "a"


def test_a_lane_that_a_gate_stopped_is_not_released(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    with pytest.raises(StageError, match="has not run yet"):
        release(layout, params, "breast", "n1")
    heavy = write_params(layout, bundle_size_mb=0.01)
    assert pack_lane(layout, heavy, "breast").status == "blocked"
    with pytest.raises(StageError, match="did not get past its gates: package: blocked: the bundle is"):
        release(layout, heavy, "breast", "n1")
    assert registry.list_versions(records, "breast") == []


def test_a_damaged_package_registers_nothing(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    pack(layout, params)
    (bundle_of(layout, "breast") / "trees_0.txt").write_text("damaged")
    with pytest.raises(BundleError, match=r"was changed: trees_0\.txt"):
        release(layout, params, "breast", "n1")
    assert registry.list_versions(records, "breast") == []


def test_a_damaged_champion_cannot_come_back_and_does_not_hold_up_a_challenger(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    pack(layout, params)
    first = release(layout, params, "breast", "n1").version
    (layout.bundle("breast", first) / "choice.json").unlink()
    pack(layout, params, 2, 1)
    second = release(layout, params, "breast", "n2")
    assert second.outcome == "promoted"
    assert "the champion cannot be compared: a file of the bundle is missing: choice.json" in str(second.verdicts[-1])
    with pytest.raises(BundleError, match=r"is missing: choice\.json"):
        rollback(layout, params, "breast")
    assert registry.champion(records, "breast") == second.version


def test_a_lasting_copy_that_was_damaged_is_made_again(
    layout: Layout, params: Params, records: Records, smoke_says: list[str]
) -> None:
    smoke_says.append("blocked")
    pack(layout, params)
    version = release(layout, params, "breast", "n1").version
    (layout.bundle("breast", version) / "schema.json").write_text("{}")
    smoke_says.append("passed")
    assert release(layout, params, "breast", "n2").outcome == "promoted"
    verify_bundle(layout.bundle("breast", version), version)


def test_plan_without_a_version_says_what_to_do(layout: Layout, params: Params) -> None:
    with pytest.raises(RecordsError, match="no version is recorded"):
        plan(layout, params, "breast")


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.parametrize("task", ["breast", "wine", "diabetes"])
def test_every_kind_of_answer_passes_the_real_gates(
    layout: Layout, params: Params, records: Records, task: str
) -> None:
    assert pack_lane(layout, params, task).passed
    result = release(layout, params, task, "n1")
    assert result.outcome == "promoted", result.line
    assert [verdict.status for verdict in result.verdicts] == ["passed", "passed"]
