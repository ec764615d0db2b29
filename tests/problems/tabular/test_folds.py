"""Cross-fitting: each row is held out once, classes are spread, groups stay whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import lanes
import numpy as np
import pandas as pd
import pytest

from pipelines.files import write_parquet
from pipelines.layout import Layout
from pipelines.problems.tabular.core.prepared import Prepared, load_prepared
from pipelines.problems.tabular.prepare import run as preparing
from pipelines.problems.tabular.train.folds import parts


def prepared(root: Path, product: str, rows: pd.DataFrame | None = None, **prepare: Any) -> tuple[Prepared, Any]:
    """The prepare stage's rows of a lane, and its product's block with ``prepare`` changed."""
    layout, params = Layout(root), lanes.params_for(product)
    block = params.product(product)
    split = block.prepare.split.model_copy(update=prepare.pop("split", {}))
    columns = block.columns.model_copy(update=prepare.pop("columns", {}))
    changed = {"prepare": block.prepare.model_copy(update={"split": split, **prepare}), "columns": columns}
    params = params.model_copy(update={"products": {product: block.model_copy(update=changed)}})
    frame = lanes.raw_rows(product) if rows is None else rows
    write_parquet(layout.stage("label", product) / "rows.parquet", frame)
    lanes.run(layout, params, "prepare", product, lambda step: preparing.run(step, None))
    return load_prepared(layout.stage("prepare", product), columns, None), params.product(product)


@pytest.mark.parametrize("product", sorted(lanes.TASKS))
def test_every_train_and_valid_row_is_held_out_once_and_test_rows_never_seen(tmp_path: Path, product: str) -> None:
    rows, block = prepared(tmp_path, product)
    found, how = parts(rows, block, 4)
    assert how == "cross-fitted on train and valid rows, 4 folds"
    assert [part.fold for part in found] == [0, 1, 2, 3]
    usable = rows.rows("train", "valid")
    assert np.array_equal(np.sort(np.concatenate([part.held for part in found])), usable)
    for part in found:
        assert np.array_equal(np.sort(np.concatenate([part.train, part.held])), usable)
    if rows.task != "regression":
        spread = np.array([np.bincount(rows.y[part.held], minlength=len(rows.classes)) for part in found])
        assert (spread.max(axis=0) - spread.min(axis=0)).max() <= 1


def test_folds_follow_the_id_not_the_order_of_rows(tmp_path: Path) -> None:
    frame = lanes.raw_rows("cancer")
    held = []
    for name, table in (("as_is", frame), ("turned", frame.iloc[::-1].reset_index(drop=True))):
        rows, block = prepared(tmp_path / name, "cancer", table)
        part = parts(rows, block, 4)[0][0]
        held.append(sorted(rows.frame["id"].to_numpy()[part.held]))
    assert held[0] == held[1]


def test_groups_stay_whole(tmp_path: Path) -> None:
    frame = lanes.raw_rows("cancer").assign(team=lambda rows: rows["id"] // 4)
    rows, block = prepared(tmp_path, "cancer", frame, split={"by": "group"}, columns={"group": "team"})
    team = rows.frame["team"].to_numpy()
    found, how = parts(rows, block, 4)
    assert how.startswith("cross-fitted")
    for part in found:
        assert not set(team[part.train]) & set(team[part.held])


def test_without_folds_the_split_s_own_sides_are_used(tmp_path: Path) -> None:
    rows, block = prepared(tmp_path, "cancer")
    (part,), how = parts(rows, block, 0)
    assert (part.fold, how) == (None, "stopped early on the valid rows")
    assert np.array_equal(part.train, rows.rows("train"))
    assert np.array_equal(part.held, rows.rows("valid"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"split": {"by": "time"}, "columns": {"time": "day"}}, "no folds with split time"),
        ({"balance": "weights"}, "no folds with split hash, balance weights"),
    ],
)
def test_where_folds_would_mislead_they_are_not_made(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    frame = lanes.raw_rows("cancer").assign(day=lambda rows: rows["id"])
    rows, block = prepared(tmp_path, "cancer", frame, **changed)
    (part,), how = parts(rows, block, 4)
    assert part.fold is None
    assert said in how


def test_too_few_rows_of_a_class_make_no_folds(tmp_path: Path) -> None:
    rows, block = prepared(tmp_path, "wine")
    rare = rows.y.copy()
    usable = rows.rows("train", "valid")
    rare[usable] = np.where(np.arange(len(usable)) < 3, 2, rare[usable] % 2)
    (part,), how = parts(replace(rows, y=rare), block, 4)
    assert part.fold is None
    assert "4 folds leave one without a class" in how
