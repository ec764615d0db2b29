"""Raw columns that only derived features read: a row must bring them, no model sees them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.blocks.columns import Columns
from pipelines.features.tabular import ONLY_DERIVED, FeatureState, fit, transform


def _age(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    return {"age": columns["year"] - columns["born"]}


def test_a_source_is_read_by_the_derived_feature_and_is_none_itself() -> None:
    raw = {"born": np.array([1980, 1990, 2000]), "year": np.array([2020, 2021, 2022]), "size": np.array([1, 2, 3])}
    state = fit(raw, ["born", "year", "size"], [], derive=_age, module="x", only_derived=["born", "year"])
    assert state.dropped == {"born": ONLY_DERIVED, "year": ONLY_DERIVED}
    assert state.raw == ("born", "year", "size")
    again = FeatureState.from_json(state.to_json())
    design = transform(again, raw, _age)
    assert design.numeric_names == ("size", "age")
    assert design.numeric.tolist() == [[1.0, 40.0], [2.0, 31.0], [3.0, 22.0]]


def test_a_source_that_is_no_numeric_column_is_refused() -> None:
    block = {"target": "y", "task": "regression", "numeric": ["a"], "categorical": ["b"]}
    assert Columns(**block, sources=["a", "cal_year"]).sources == ("a", "cal_year")
    with pytest.raises(ValueError, match="not numeric: \\['b'\\]"):
        Columns(**block, sources=["a", "b"])
