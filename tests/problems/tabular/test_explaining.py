from __future__ import annotations

import lanes
import numpy as np
import pytest

from pipelines.config import Params
from pipelines.features.design import Design
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.problems.common.explaining import importance, reference_row, spread


def test_the_report_is_complete_and_adds_up(lane: tuple[Layout, Params, str]) -> None:
    layout, _, product = lane
    found = read_json(layout.stage("evaluate", product) / "result" / "explanations.json")
    assert found["unit"] == ("value" if lanes.TASKS[product] == "regression" else "log-odds")
    for model in found["models"]:
        assert model["method"] == "shap"
        assert model["incompleteness"] < 1e-6
    shares = [entry["share"] for entry in found["importance"]]
    assert sum(shares) == pytest.approx(1.0, abs=1e-4)
    assert shares == sorted(shares, reverse=True)
    assert {entry["feature"] for entry in found["importance"]} == {f"x{j}" for j in range(6)} | {"größe"}
    assert found["examples"]["rows"][0]["reasons"]


def test_direction_says_which_way_a_number_pushes() -> None:
    rng = np.random.default_rng(0)
    numeric = rng.normal(size=(300, 3)).astype(np.float32)
    numeric[::5, 0] = np.nan
    rows = Design(numeric, np.ones((300, 1), np.int32), ("up", "down", "idle"), ("kind",), (2,))
    filled = np.nan_to_num(numeric)
    values = np.column_stack([3 * filled[:, 0], -(filled[:, 1] ** 3), np.zeros(300), rng.normal(size=300)])
    found = {entry["feature"]: entry for entry in importance(rows, values)}
    assert found["up"]["direction"] == pytest.approx(1.0)
    assert found["down"]["direction"] == pytest.approx(-1.0)
    assert found["idle"]["direction"] is None
    assert found["kind"]["direction"] is None


def test_the_reference_row_is_a_value_that_occurs() -> None:
    numeric = np.array([[1, np.nan], [2, np.nan], [9, np.nan], [np.nan, np.nan]], np.float32)
    rows = Design(numeric, np.array([[2], [1], [2], [0]], np.int32), ("a", "b"), ("c",), (3,))
    assert reference_row(rows) == {"numeric": [2.0, None], "categorical": [2]}


def test_explained_rows_are_spread_over_all() -> None:
    rows = np.arange(0, 10_000, 2)
    chosen = spread(rows, 100)
    assert len(chosen) == 100
    assert (chosen[0], chosen[-1]) == (0, 9998)
    assert spread(rows[:5], 100).tolist() == [0, 2, 4, 6, 8]
