"""Data that grows over five nights: through the real stages no row changes its side, and what the gate promotes."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import Params, load_params
from pipelines.files import read_parquet
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshot
from pipelines.records import registry
from pipelines.records.store import open_records
from pipelines.release import ReleaseResult, release, releasing
from pipelines.runtime import run_stage
from pipelines.verdicts import Verdict

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = "credit_risk_demo"
NIGHTS = 5
STAGES = ("fetch", "validate", "label", "prepare", "train", "evaluate", "export", "package")


@dataclass(frozen=True)
class NightOfData:
    """Side of each client by id, and what became of the night's model."""

    sides: dict[int, str]
    result: ReleaseResult


def _params(layout: Layout) -> Params:
    """The demo product, smaller and growing faster; one quick candidate. Its floors are not under test."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    block = content["products"][PRODUCT]
    block["source"] |= {"rows_at_start": 2400, "rows_per_day": 300}
    block["requirements"] |= {"floors": {}, "ceilings": {}}
    block["requirements"]["fairness"] = {"max_recall_gap": 1.0, "max_selection_gap": 1.0}
    block["evaluate"]["resamples"] = 200
    block["label"]["noise_folds"] = 2
    candidate = content["candidates"][f"{PRODUCT}-lightgbm"] | {"folds": 0, "params": {"iterations": 60}}
    content["products"], content["candidates"] = {PRODUCT: block}, {f"{PRODUCT}-lightgbm": candidate}
    layout.params.write_text(yaml.safe_dump(content))
    shutil.copytree(ROOT / "expectations", layout.root / "expectations")
    return load_params(layout.params)


def _smoke(_layout: Layout, _params: Params, product: str, *_: object) -> Verdict:
    return Verdict(gate="smoke", product=product, status="passed")


def _night(layout: Layout, params: Params, day: date) -> NightOfData:
    take_snapshot(layout, params, PRODUCT, day)
    for stage in STAGES:
        verdict = run_stage(layout, stage, f"{PRODUCT}-lightgbm" if stage == "train" else PRODUCT)
        assert verdict.passed, f"{day} {stage}: {verdict.line()}"
    rows = read_parquet(layout.stage("prepare", PRODUCT) / "rows.parquet")
    sides = dict(zip(rows["ID"].tolist(), rows["_split"].tolist(), strict=True))
    return NightOfData(sides, release(layout, params, PRODUCT, f"night-{day}"))


@pytest.mark.slow
def test_over_five_nights_no_row_changes_side_and_no_champion_meets_a_row_that_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    params = _params(layout)
    monkeypatch.setenv("NIGHTSHIFT_ROOT", str(tmp_path))
    monkeypatch.setattr(releasing, "smoke", _smoke)
    first = date(2026, 1, 1)
    nights = [_night(layout, params, first + timedelta(days=number)) for number in range(NIGHTS)]

    for earlier, later in itertools.pairwise(nights):
        assert len(later.sides) > len(earlier.sides) + 200
        kept = set(earlier.sides) & set(later.sides)  # a row leaves when a new one is its double or contradicts it
        assert len(kept) > 0.99 * len(earlier.sides)
        assert {row: later.sides[row] for row in kept} == {row: earlier.sides[row] for row in kept}
    assert {side for night in nights for side in night.sides.values()} == {"train", "valid", "test"}

    champion, trained_on = None, set[int]()
    for number, night in enumerate(nights):
        print(night.result.outcome, night.result.line)
        test = {row for row, side in night.sides.items() if side == "test"}
        assert not trained_on & test
        if number == 0:
            assert night.result.outcome == "promoted"
        else:
            found = {check.name: check for check in night.result.verdicts[-1].checks}
            assert f"on {len(test)} test rows" in found["difference"].detail
            assert (night.result.outcome == "promoted") is all(check.ok for check in found.values())
            assert found["difference"].ok is ((found["difference"].value or 0.0) > 0.0)
        if night.result.outcome == "promoted":
            champion = night.result.version
            trained_on = {row for row, side in night.sides.items() if side != "test"}
        assert night.result.champion == champion
    records = open_records(layout.records_url)
    moves = [step.to_version for step in registry.history(records, PRODUCT)]
    assert moves == [night.result.version for night in reversed(nights) if night.result.outcome == "promoted"]
    assert len(registry.list_versions(records, PRODUCT)) == NIGHTS
    records.close()
