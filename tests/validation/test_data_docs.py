"""Data Docs: one file that needs no network, complete and escaped."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from own_data import PRODUCT, expect, validate_own, write_project

from pipelines.errors import StageError
from pipelines.validation.docs import render_data_docs

COLUMNS = {"target": "y", "task": "binary", "numeric": ["x"]}


@pytest.fixture
def page(tmp_path: Path) -> str:
    rules = [
        expect("column_values_to_be_between", column="x", min_value=0, max_value=10),
        expect("column_mean_to_be_between", column="y", max_value=0.1),
        expect("column_median_to_be_between", severity="warning", column="y", min_value=5),
    ]
    layout = write_project(tmp_path, {"kind": "file", "path": "a.csv"}, COLUMNS, rules)
    pd.DataFrame({"x": ["1", "<script>alert(1)</script>", "99", "2"], "y": [0, 1, 1, 1]}).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert validate_own(layout).status == "blocked"
    lane = layout.lane(PRODUCT)
    out = render_data_docs(lane / "validate", lane / "fetch" / "provenance.json", tmp_path / "docs" / "page.html")
    return out.read_text(encoding="utf-8")


def test_it_fetches_nothing(page: str) -> None:
    assert not re.search(r"(src|href)=|@import|url\(|<script", page)


def test_it_says_what_blocked_and_what_to_do(page: str) -> None:
    text = re.sub(r"<[^>]+>", " ", page)
    assert "✗ blocked" in text
    assert "y has a mean at most 0.1: observed 0.5" in text
    assert "What to do:" in text
    assert "! warning" in text


def test_it_shows_refused_rows_with_reasons_escaped(page: str) -> None:
    assert "x: between 0 and 10: 99" in page
    assert "&lt;script&gt;" in page


def test_it_says_where_the_rows_come_from(page: str) -> None:
    assert "a.csv" in page
    assert "own data" in page


def test_without_a_validation_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="has not run"):
        render_data_docs(tmp_path, {}, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
