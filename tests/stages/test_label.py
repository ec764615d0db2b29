"""Label: which rows have a label, which contradict each other, how far the labels are trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from labelled import PLAIN, PRODUCT, params_of, plain_rows, run_label

from pipelines.errors import DataError
from pipelines.files import read_json, read_parquet, sha256_tree
from pipelines.layout import Layout

TWO_FOLDS = {"noise_folds": 2}


def outcome(
    folder: Path, rows: pd.DataFrame, label: dict[str, Any] | None = None, **columns: Any
) -> tuple[pd.DataFrame, dict[str, Any]]:
    layout = Layout(folder)
    verdict = run_label(layout, params_of({**PLAIN, **columns}, label={**TWO_FOLDS, **(label or {})}), rows)
    assert verdict.passed, verdict.line()
    out = layout.stage("label", PRODUCT)
    return read_parquet(out / "rows.parquet"), read_json(out / "report.json")


def test_rows_without_a_label_are_counted_and_left_out(tmp_path: Path) -> None:
    rows = plain_rows(200)
    rows["y"] = rows["y"].astype(object)
    rows.loc[[3, 4], "y"] = None
    rows.loc[5, "y"] = np.nan
    kept, report = outcome(tmp_path, rows)
    assert set(rows["id"]) - set(kept["id"]) == {4, 5, 6}
    assert (report["rows_in"], report["without_label"], report["rows"]) == (200, 3, 197)
    assert kept["_suspect"].between(0, 1).all()


def with_conflict() -> pd.DataFrame:
    rows = plain_rows(200)
    twin = rows.iloc[[0, 1]].assign(id=[901, 902])
    twin["y"] = [1 - rows["y"][0], rows["y"][1]]
    return pd.concat([rows, twin], ignore_index=True)


def test_contradicting_rows_are_dropped_and_agreeing_twins_kept(tmp_path: Path) -> None:
    kept, report = outcome(tmp_path, with_conflict())
    assert {1, 901}.isdisjoint(kept["id"])
    assert {2, 902} <= set(kept["id"])
    assert (report["conflicting"], report["conflicts_dropped"]) == (2, 2)


def test_contradicting_rows_are_kept_on_request_and_still_counted(tmp_path: Path) -> None:
    kept, report = outcome(tmp_path, with_conflict(), {"conflicts": "keep"})
    assert {1, 901} <= set(kept["id"])
    assert (report["conflicting"], report["conflicts_dropped"]) == (2, 0)


def test_rows_younger_than_the_outcome_window_wait(tmp_path: Path) -> None:
    rows = plain_rows(200)
    rows["when"] = (pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(200), unit="D")).strftime("%Y-%m-%d")
    kept, report = outcome(tmp_path, rows, {"outcome_window_days": 30}, time="when")
    assert report["younger_than_outcome_window"] == 30
    assert kept["when"].max() == rows["when"][169]


def test_noise_past_the_limit_blocks_and_says_where_to_look(tmp_path: Path) -> None:
    rows = plain_rows(300)
    rows["y"] = np.random.default_rng(5).permutation(rows["y"])
    verdict = run_label(Layout(tmp_path), params_of(PLAIN, label={**TWO_FOLDS, "max_noise": 0.1}), rows)
    assert verdict.status == "blocked"
    assert "look wrong" in verdict.reason
    assert "_suspect" in verdict.next_step
    assert (Layout(tmp_path).stage("label", PRODUCT) / "rows.parquet").is_file()


def one_class(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(y=1)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (one_class, "one class only"),
        (lambda rows: rows.assign(y=None), "no row has a label"),
        (lambda rows: rows.head(0), "no row has a label"),
        (lambda rows: rows.drop(columns="y"), "'y' is missing"),
        (lambda rows: rows.assign(y=rows["y"].where(rows["id"] > 5, 7)), "3 classes"),
        (lambda rows: rows.assign(y=rows["y"] + 5), "columns.positive is 1"),
        (lambda rows: rows.assign(a=None, b=0.0, c="x", note=rows["id"]), "no usable feature"),
        (lambda rows: rows.assign(a=1.0, b=0.0, c="x"), "all 100 labelled rows contradict"),
        (lambda rows: rows.head(10).assign(y=[1] + [0] * 9), "too few labels"),
    ],
)
def test_labels_that_teach_nothing_are_one_clear_error(tmp_path: Path, spoil: Any, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        run_label(Layout(tmp_path), params_of(PLAIN, label=TWO_FOLDS), spoil(plain_rows(100)))
    assert caught.value.next_step


def test_two_runs_give_equal_bytes_and_none_of_them_is_a_pickle(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        outcome(tmp_path / name, plain_rows(200))
        folder = Layout(tmp_path / name).stage("label", PRODUCT)
        trees.append(sha256_tree(folder))
    assert trees[0] == trees[1]
    assert sorted(path.name for path in folder.iterdir()) == [
        "report.json",
        "rows.parquet",
        "suspects.json",
        "verdict.json",
    ]


def test_labels_may_be_words(tmp_path: Path) -> None:
    rows = plain_rows(200)
    rows["y"] = np.where(rows["y"] == 1, "fällig", "bezahlt")
    kept, report = outcome(tmp_path, rows, positive="fällig")
    assert set(report["noise"]["suspects_per_class"]) == {"fällig", "bezahlt"}
    assert len(kept) == 200
