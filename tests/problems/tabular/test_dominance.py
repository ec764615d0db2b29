"""A column known only after the outcome is found by what it outdoes; honest strong columns are left alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import labelled
import numpy as np
import pandas as pd
import pytest

from pipelines.features.tabular import fit, transform
from pipelines.layout import Layout
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.tabular.prepare.dominance import Suspect, suspects
from pipelines.problems.tabular.prepare.leakage import single_feature_auc
from pipelines.sources.public import MIRROR
from pipelines.sources.simulators import campaign, credit

BANK = "bank_marketing/bank-additional-full.csv.gz"


def found(frame: pd.DataFrame, numeric: list[str], categorical: list[str], y: Any) -> list[Suspect]:
    raw = frame_columns(frame, [*numeric, *categorical])
    design = transform(fit(raw, numeric, categorical), raw)
    goal = np.asarray(y, dtype=np.int64)
    return suspects(design, goal, single_feature_auc(design, goal, "binary", 2))


@pytest.fixture(scope="module")
def calls() -> pd.DataFrame:
    return pd.DataFrame(campaign.population(5, 6000))


def test_the_length_of_a_call_is_found_by_itself(calls: pd.DataFrame) -> None:
    numeric, categorical = [*campaign.NUMERIC, campaign.AFTER], list(campaign.CATEGORICAL)
    one = found(calls, numeric, categorical, calls[campaign.TARGET])
    assert [suspect.name for suspect in one] == ["duration"]
    assert one[0].alone > one[0].others
    assert "is it known before the outcome?" in one[0].sentence()
    assert found(calls, list(campaign.NUMERIC), categorical, calls[campaign.TARGET]) == []


def test_a_copy_in_other_units_does_not_hide_it(calls: pd.DataFrame) -> None:
    frame = calls.assign(minutes=calls["duration"] / 60.0)
    names = [one.name for one in found(frame, [*campaign.NUMERIC, "duration", "minutes"], [], calls[campaign.TARGET])]
    assert set(names) == {"duration", "minutes"}


def test_the_strongest_honest_column_of_another_product_is_no_suspect() -> None:
    rows = credit.history(7, date(2026, 1, 1), date(2026, 1, 1), 6000, 0).dropna()
    numeric = [name for name in credit.FEATURES if name not in ("SEX", "EDUCATION", "MARRIAGE")]
    assert found(rows, numeric, ["SEX", "EDUCATION", "MARRIAGE"], rows[credit.TARGET]) == []


def test_where_the_others_know_nothing_nothing_is_said() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(3000, 6)), columns=[f"x{place}" for place in range(6)])
    y = (frame["x0"] + rng.normal(size=3000) > 0).astype(int)
    assert found(frame, list(frame.columns), [], y) == []


def test_prepare_blocks_and_a_stated_reason_opens_it(tmp_path: Path, calls: pd.DataFrame) -> None:
    frame = calls.head(4000).assign(id=np.arange(4000), y=calls[campaign.TARGET].head(4000), _suspect=0.0)
    frame = frame[["id", "y", "_suspect", *campaign.FEATURES, "duration"]]
    columns = {"numeric": [*campaign.NUMERIC, "duration"], "categorical": list(campaign.CATEGORICAL)}
    verdict = labelled.run_prepare(Layout(tmp_path / "a"), labelled.params_of(columns), frame)
    assert verdict.status == "blocked"
    assert "duration alone has AUC" in verdict.reason
    known = {"prepare": {"known_before": {"duration": "it is the length that was booked"}}}
    verdict = labelled.run_prepare(Layout(tmp_path / "b"), labelled.params_of(columns, **known), frame)
    assert verdict.passed
    assert any("but it is the length that was booked" in check.detail for check in verdict.checks)


@pytest.mark.slow
def test_duration_of_the_real_calls_is_found_on_both_splits() -> None:
    import os

    mirror = Path(os.environ.get(MIRROR, Path(__file__).resolve().parents[3] / ".." / "shared" / "data"))
    if not (mirror / BANK).is_file():
        pytest.skip("the mirror with bank_marketing is not here")
    frame = pd.read_csv(mirror / BANK, sep=";")
    y = (frame["y"] == "yes").astype(int)
    texts = [name for name in frame.columns if frame[name].dtype == object and name != "y"]
    numbers = [name for name in frame.columns if name not in texts and name != "y"]
    first = slice(0, int(0.72 * len(frame)))
    for rows in (slice(None), first):
        one = found(frame[rows].reset_index(drop=True), numbers, texts, y[rows])
        assert [suspect.name for suspect in one] == ["duration"]
