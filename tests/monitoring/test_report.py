"""Evidently's report and the verdict say the same of the same sample."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from windows import PRODUCT, day

from pipelines.config import Params
from pipelines.monitoring import report
from pipelines.monitoring.judge import judge
from pipelines.monitoring.reference import Reference, make_reference
from pipelines.monitoring.report import write_report
from pipelines.monitoring.verdict import Limits

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shift", ["none", "income_drop", "new_category"])
def test_evidently_and_the_verdict_agree_on_every_column(
    tmp_path: Path, params: Params, reference: Reference, reference_rows: pd.DataFrame, shift: str
) -> None:
    window = day(shift)
    window["AGE"] = window["AGE"].astype(float).mask(window.index % 7 == 0)
    window["SEX"] = window["SEX"].astype(str).mask(window.index % 5 == 0)
    limits = Limits()
    exact = make_reference(reference_rows, PRODUCT, "v", params.products[PRODUCT], clusters=None)
    scores = write_report(tmp_path / "report.html", reference, reference_rows, window, limits)
    ours = {column.name: column for column in judge(exact, window, limits).columns}
    assert set(scores) == set(ours)
    for name, score in scores.items():
        assert ours[name].effect == pytest.approx(score, abs=1e-8), name
    sketched = {column.name: column.effect for column in judge(reference, window, limits).columns}
    for watched in reference.columns:
        bound = getattr(watched.sketch, "bound", 0.0)
        assert sketched[watched.name] == pytest.approx(scores[watched.name], abs=bound + 1e-8)


def test_the_html_stands_alone_and_columns_without_values_are_left_out(
    tmp_path: Path, reference: Reference, reference_rows: pd.DataFrame
) -> None:
    window = day().drop(columns="PAY_6").assign(PAY_5=np.nan)
    scores = write_report(tmp_path / "report.html", reference, reference_rows, window, Limits())
    assert {watched.name for watched in reference.columns} - set(scores) == {"PAY_5", "PAY_6"}
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<html" in html
    assert not re.findall(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//""", html)


def test_evidently_sees_a_bounded_sample(
    tmp_path: Path, reference: Reference, reference_rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "SAMPLE_ROWS", 200)
    window = day(rows=3000)
    first = write_report(tmp_path / "a.html", reference, reference_rows, window, Limits())
    assert first == write_report(tmp_path / "b.html", reference, reference_rows, window, Limits())
    monkeypatch.setattr(report, "SAMPLE_ROWS", 3000)
    assert first != write_report(tmp_path / "c.html", reference, reference_rows, window, Limits())
