from __future__ import annotations

from typing import Any

import lanes
import numpy as np
import pandas as pd
import pytest

from pipelines.problems.common.slicing import measure_slices


def sliced(requirements: dict[str, Any] | None = None, **evaluate: Any) -> dict[str, dict[str, Any]]:
    rng = np.random.default_rng(0)
    n = 1200
    frame = pd.DataFrame(
        {"sex": rng.integers(1, 3, n), "age": rng.integers(18, 80, n), "region": ["a"] * (n - 5) + ["b"] * 5}
    )
    p = rng.beta(1.5, 3, n)
    y = (rng.random(n) < p).astype(np.int64)
    acted = p > np.where(frame["sex"] == 1, 0.2, 0.5)
    product = lanes.params_for("cancer", requirements, **evaluate).product("cancer")
    return {part["column"]: part for part in measure_slices(product, frame, y, p, acted)}


def test_named_columns_come_first_and_protected_ones_always() -> None:
    found = sliced(slices={"region": []})
    assert list(found) == ["region", "sex", "age"]
    assert [part["protected"] for part in found.values()] == [False, True, True]
    assert len(found["age"]["groups"]) == 4  # quartiles


def test_bin_edges_are_used() -> None:
    groups = sliced(slices={"age": [30, 50]})["age"]["groups"]
    assert [group["name"] for group in groups] == ["< 30", "30-50", ">= 50"]
    assert sum(group["rows"] for group in groups) == 1200


def test_groups_that_are_treated_differently_show_a_gap_with_an_interval() -> None:
    gap = sliced()["sex"]["gaps"]["selection_rate"]
    assert (gap["highest"], gap["lowest"]) == ("1", "2")
    assert gap["value"] > 0.3
    assert gap["low"] < gap["value"] < gap["high"]


def test_small_groups_are_shown_not_judged() -> None:
    found = sliced({"fairness": {"min_group_rows": 300}}, slices={"region": []})
    small = found["region"]["groups"][1]
    assert (small["name"], small["rows"], small["judged"], small["metrics"]) == ("b", 5, False, {})
    assert found["region"]["gaps"]["recall"] is None


def test_regression_has_groups_and_no_decisions() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": rng.integers(1, 3, 80), "age": rng.integers(18, 80, 80)})
    y = rng.normal(size=80)
    product = lanes.params_for("diabetes").product("diabetes")
    found = measure_slices(product, frame, y, y + 1.0, None)
    assert "gaps" not in found[0]
    assert found[0]["groups"][0]["metrics"]["mae"]["value"] == pytest.approx(1.0)
