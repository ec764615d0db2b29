from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import BusyError, ConfigError, DataError, StageError
from pipelines.layout import Layout
from pipelines.process import exclusive
from pipelines.runtime import run_stage
from pipelines.stages import fetch as fetch_module
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks, read_verdict, write_verdict

PRODUCT = "credit_risk_demo"


def _passes(step: Step) -> Verdict:
    (step.out / "rows.txt").write_text("rows")
    return Verdict(gate="fetch", product=step.name, status="passed")


def _fails_half_way(step: Step) -> Verdict:
    (step.out / "rows.txt").write_text("half")
    raise DataError("a column is missing", where={"column": "AGE"}, next_step="ask the owner")


def _full_disk(step: Step) -> Verdict:
    raise OSError(28, "No space left on device", str(step.out / "rows.txt"))


def test_a_stage_leaves_its_outs_and_a_verdict(project: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "fetch", _passes)
    assert run_stage(project, "fetch", PRODUCT).passed
    folder = project.stage("fetch", PRODUCT)
    assert (folder / "rows.txt").read_text() == "rows"
    assert read_verdict(folder).passed


def test_a_failed_stage_keeps_the_outs_of_the_run_before(project: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "fetch", _passes)
    run_stage(project, "fetch", PRODUCT)
    monkeypatch.setattr(fetch_module, "fetch", _fails_half_way)
    with pytest.raises(DataError, match=r"product=credit_risk_demo, stage=fetch.*column=AGE"):
        run_stage(project, "fetch", PRODUCT)
    assert (project.stage("fetch", PRODUCT) / "rows.txt").read_text() == "rows"
    assert [path.name for path in project.lane(PRODUCT).iterdir()] == ["fetch"]


def test_a_full_disk_is_one_clear_line(project: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "fetch", _full_disk)
    with pytest.raises(StageError, match=r"No space left on device.*stage=fetch.*free disk space"):
        run_stage(project, "fetch", PRODUCT)


def test_one_instance_runs_at_a_time(project: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "fetch", _passes)
    with (
        exclusive(project.locks / f"fetch-{PRODUCT}.lock", "fetch"),
        pytest.raises(BusyError, match="fetch credit_risk_demo is already running"),
    ):
        run_stage(project, "fetch", PRODUCT)


def test_a_stage_stands_aside_after_a_gate_that_blocked(project: Layout) -> None:
    folder = project.stage("fetch", PRODUCT)
    folder.mkdir(parents=True)
    check = Check(name="rows", ok=False, value=10, limit=500, unit="rows", detail="10 rows, 500 needed")
    write_verdict(folder, from_checks("contract", PRODUCT, [check], "look at the source"))
    assert run_stage(project, "validate", PRODUCT).status == "stood_aside"
    later = run_stage(project, "label", PRODUCT)
    assert later.status == "stood_aside"
    assert "contract blocked: 10 rows, 500 needed" in later.reason


def test_a_stage_whose_input_never_ran_says_so(project: Layout) -> None:
    with pytest.raises(StageError, match="has not run yet"):
        run_stage(project, "validate", PRODUCT)


@pytest.mark.parametrize(("stage", "instance"), [("fly", PRODUCT), ("fetch", "nope"), ("train", PRODUCT)])
def test_an_unknown_stage_product_or_candidate_lists_those_there_are(
    project: Layout, stage: str, instance: str
) -> None:
    with pytest.raises(ConfigError, match="choose one of"):
        run_stage(project, stage, instance)


def test_a_verdict_survives_its_file(tmp_path: Path) -> None:
    verdict = from_checks("quality", "p", [Check(name="roc_auc", ok=True, value=0.78, limit=0.74)], "train longer")
    write_verdict(tmp_path, verdict)
    assert read_verdict(tmp_path) == verdict
    assert verdict.next_step == ""
