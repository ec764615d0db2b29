"""What is watched of a table, and when its reference is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from production_house import PRODUCT, VERSION, make_house

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.metrics.sketches import CategorySketch, NumericSketch
from pipelines.monitoring.reference import load_reference, make_reference
from pipelines.problems import PROBLEMS, answered, measured, watched, watched_roles


def test_every_problem_says_what_is_watched_of_it() -> None:
    import importlib

    for problem in PROBLEMS:
        module = importlib.import_module(f"pipelines.problems.{problem}.answer.watched")
        assert {"answered", "watched", "roles"} <= set(dir(module)), problem


def test_answers_become_the_columns_of_the_reference_and_a_refused_row_has_none() -> None:
    schema = {"classes": ["no", "yes"]}
    found = answered("tabular", schema, [{"score": 0.7, "decision": "yes"}, None, {"score": 0.1, "decision": "no"}])
    assert found["decision"] == [1, None, 0]
    np.testing.assert_array_equal(found["score"], [0.7, np.nan, 0.1])
    several = answered("tabular", {"classes": [1, 2]}, [{"score": {"1": 0.4, "2": 0.6}}, None])
    assert list(several) == ["score_0", "score_1"]
    assert np.isnan(several["score_1"][1])


def test_a_table_is_watched_as_it_is_with_the_role_of_each_column(params: Params, tmp_path: Path) -> None:
    block = params.products[PRODUCT]
    frame = pd.DataFrame({"SEX": [1], "PAY_0": [0], "score": [0.5], "decision": [1], "other": [3]})
    assert watched(block, tmp_path, frame) is frame
    roles = watched_roles(block, list(frame.columns))
    assert roles == {"PAY_0": "feature", "SEX": "protected", "score": "prediction", "decision": "prediction"}


def test_columns_of_text_and_booleans_are_categories_and_declared_numbers_stay_numbers(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = params.products[PRODUCT]
    rows = 40
    frame = pd.DataFrame(
        {
            "language": ["en", "zh"] * (rows // 2),
            "long": [True, False] * (rows // 2),
            "words": np.arange(rows),
            "AGE": pd.Series(range(rows), dtype=object),
        }
    )
    monkeypatch.setattr("pipelines.monitoring.reference.watched_roles", lambda *_: dict.fromkeys(frame, "feature"))
    found = {column.name: type(column.sketch) for column in make_reference(frame, "p", "v", block).columns}
    assert found == {"language": CategorySketch, "long": CategorySketch, "words": NumericSketch, "AGE": NumericSketch}


def test_the_reference_is_kept_and_made_anew_when_other_columns_are_declared(
    layout: Layout, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIGHTSHIFT_RECORDS_URL", raising=False)
    make_house(layout, params).close()
    block, bundle = params.products[PRODUCT], layout.bundle(PRODUCT, VERSION)
    first = load_reference(layout, PRODUCT, VERSION, block, bundle)
    (bundle / "reference.parquet").rename(bundle / "moved.parquet")
    kept = load_reference(layout, PRODUCT, VERSION, block, bundle)
    assert [column.name for column in kept.columns] == [column.name for column in first.columns]
    (bundle / "moved.parquet").rename(bundle / "reference.parquet")
    fewer = block.columns.model_copy(update={"numeric": block.columns.numeric[1:]})
    anew = load_reference(layout, PRODUCT, VERSION, block.model_copy(update={"columns": fewer}), bundle)
    assert "LIMIT_BAL" not in {column.name for column in anew.columns}


def test_measured_asks_the_problem_for_its_metric(params: Params) -> None:
    block: Any = params.products[PRODUCT]
    frame = pd.DataFrame({"score": [0.1, 0.2, 0.8, 0.9]})
    found = measured(block, {"task": "binary", "classes": [0, 1]}, frame, [0, 0, 1, 1])
    assert found is not None
    assert found.measure(np.ones((1, 4)))["roc_auc"][0] == 1.0
