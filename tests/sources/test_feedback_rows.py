"""Outcomes that clients told become rows beside the source's own, or are left out with a reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.blocks.columns import Columns
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.night.matured import pin_feedback
from pipelines.night.snapshot import take_snapshots
from pipelines.records import feedback
from pipelines.records.feedback import Feedback
from pipelines.records.predictions import Logged, append
from pipelines.records.store import open_records
from pipelines.runtime import run_stage
from pipelines.sources.feedback import Told, as_frame, merge

COLUMNS = Columns(id="id", target="y", task="binary", numeric=("age", "sum"), categorical=("town",))
SOURCE = pd.DataFrame(
    {"id": [1, 2, 3], "age": [20, 30, 40], "sum": [1.5, None, 2.0], "town": ["Köln", "Bonn", "Ulm"], "y": [0, 1, 0]}
)


def told(request: str, outcome: Any = 1, **features: Any) -> Told:
    return Told(request, "2026-06-01T00:00:00.000Z", features, outcome)


def merged(*rows: Told) -> Any:
    return merge(SOURCE, as_frame(rows, COLUMNS), COLUMNS)


def test_rows_are_added_in_the_types_of_the_source() -> None:
    found = merged(told("b", 0, id=9, age=55, sum=3, town="Bonn"), told("a", 1, age=21, town="Ulm"))
    assert (found.used, found.left_out) == (2, {})
    assert found.frame.dtypes.equals(SOURCE.dtypes)
    assert found.frame["age"].tolist() == [20, 30, 40, 21, 55]
    assert found.frame["id"].iloc[-1] == 9
    assert found.frame["id"].iloc[3] >= 1 << 48
    assert found.frame["sum"].isna().tolist() == [False, True, False, True, False]


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    found = merged(
        told("a", 1, age="old", town="Ulm"),
        told("b", 1, town="Ulm"),
        told("c", 1, id=2, age=3, town="Ulm"),
        told("d", 1, id=7, age=3, town="Ulm"),
        told("e", 1, id=7, age=3, town="Ulm"),
        told("f", 1, age=2.5, town="Ulm"),
    )
    assert found.used == 1
    reasons = {"age does not fit": 2, "without age": 1, "already in the source": 1, "answered more than once": 1}
    assert found.left_out == reasons


def test_the_order_of_the_log_does_not_matter() -> None:
    rows = [told(name, 1, age=20, town="Ulm") for name in "cab"]
    pd.testing.assert_frame_equal(as_frame(rows, COLUMNS), as_frame(rows[::-1], COLUMNS))


@pytest.fixture
def asked(project: Layout) -> Layout:
    """A log with three answered rows of the demo product, two of them with an outcome."""
    take_snapshots(project, ["credit_risk_demo"], as_of="2026-02-01")
    run_stage(project, "fetch", "credit_risk_demo")
    rows = read_parquet(project.stage("fetch", "credit_risk_demo") / "rows.parquet").head(3)
    log = open_records(project.log_url)
    records = rows.drop(columns=["ID", "default_next_month"]).to_dict("records")
    entries = [
        Logged(f"r{place}", 0, "credit_risk_demo", "v", "2026-02-01T10:00:00.000Z", record, {"score": 0.5})
        for place, record in enumerate(records)
    ]
    append(log, entries)
    items = [Feedback(f"r{place}", 0, "credit_risk_demo", place, "2026-02-02T09:00:00.000Z") for place in (0, 1)]
    feedback.add(log, items)
    log.close()
    return project


def test_matured_outcomes_enter_the_next_snapshot_and_only_that_of_their_day(asked: Layout) -> None:
    product = "credit_risk_demo"
    before = len(read_parquet(asked.stage("fetch", product) / "rows.parquet"))
    assert not take_snapshots(asked, [product], as_of="2026-02-01")[0].changed
    result = take_snapshots(asked, [product], as_of="2026-02-02")[0]
    assert "2 outcomes told by clients" in result.line()
    verdict = run_stage(asked, "fetch", product)
    told_of = read_json(asked.stage("fetch", product) / "provenance.json")
    assert told_of["feedback"] == {"left_out": {}, "rows": 2}
    assert told_of["rows"] == before + 10 + 2
    assert any(check.name == "feedback" for check in verdict.checks)


def test_a_checkout_without_a_log_gets_none(project: Layout, tmp_path: Path) -> None:
    from pipelines.config import load_params

    params = load_params(project.params)
    assert pin_feedback(project, params, "credit_risk_demo", date(2026, 2, 2), tmp_path) == {}
    assert not list(project.state.glob("records/predictions.db"))
