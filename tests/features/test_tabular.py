"""Fit and transform: what a model sees of a row does not depend on the rows beside it, nor on how it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError, DataError
from pipelines.features.tabular import FeatureState, fit, transform
from pipelines.features.values import rows_to_columns

Table = dict[str, np.ndarray[Any, np.dtype[Any]]]


def table(count: int = 60) -> Table:
    rng = np.random.default_rng(0)
    return {
        "x": np.where(np.arange(count) % 7 == 0, np.nan, rng.normal(size=count)),
        "k": rng.integers(0, 9, count),
        "größe": rng.choice(np.array(["klein", "groß", None], dtype=object), size=count),
        "code": rng.integers(0, 4, count).astype(np.float64),
    }


def double(columns: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]) -> Table:
    return {"x_per_k": columns["x"] / columns["k"], "twice": 2.0 * columns["x"]}


def fitted(**more: Any) -> FeatureState:
    return fit(table(), ["x", "k"], ["größe", "code"], derive=double, module="double", **more)


def test_state_survives_json() -> None:
    state = fitted()
    again = FeatureState.from_json(json.loads(json.dumps(state.to_json())))
    assert again == state
    left, right = transform(state, table(), double), transform(again, table(), double)
    assert left.numeric.tobytes() == right.numeric.tobytes()
    assert left.categorical.tobytes() == right.categorical.tobytes()


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(DataError, match="version 2"):
        FeatureState.from_json({**fitted().to_json(), "version": 2})


def test_shapes_names_and_codes() -> None:
    design = transform(fitted(), table(), double)
    assert design.numeric_names == ("x", "k", "x_per_k", "twice")
    assert design.categorical_names == ("größe", "code")
    assert design.cardinalities == (3, 5)
    assert design.numeric.dtype == np.float32
    assert design.categorical.dtype == np.int32
    missing = np.array([value is None for value in table()["größe"]])
    assert (design.categorical[missing, 0] == 0).all()
    assert (design.categorical[~missing, 0] > 0).all()


def test_the_most_frequent_category_has_code_one_and_rare_ones_none() -> None:
    values = np.array(["b"] * 5 + ["a"] * 5 + ["c"] * 3 + ["d"], dtype=object)
    state = fit({"v": values}, [], ["v"], max_categories=3)
    assert state.categorical["v"] == ("a", "b", "c")
    assert transform(state, {"v": values}).categorical[:, 0].tolist() == [2] * 5 + [1] * 5 + [3] * 3 + [0]


SERVED = st.fixed_dictionaries(
    {
        "x": st.one_of(st.none(), st.floats(), st.text(max_size=4), st.sampled_from(["1.5", "inf", "NaN"])),
        "k": st.one_of(st.none(), st.integers(-(10**40), 10**40)),
        "größe": st.one_of(st.none(), st.sampled_from(["klein", "groß", "riesig", "", "Groß"]), st.integers(0, 3)),
        "code": st.one_of(st.none(), st.integers(-1, 9), st.sampled_from([0.0, 2.0, 2.5, "2"])),
    }
)


@settings(deadline=None, max_examples=60)
@given(st.lists(SERVED, min_size=1, max_size=12))
def test_a_row_alone_equals_the_row_in_a_table_bit_for_bit(rows: list[dict[str, Any]]) -> None:
    state = fitted()
    together = transform(state, rows_to_columns(rows, state.raw), double)
    for place, row in enumerate(rows):
        alone = transform(state, rows_to_columns([row], state.raw), double)
        assert alone.numeric[0].tobytes() == together.numeric[place].tobytes()
        assert alone.categorical[0].tobytes() == together.categorical[place].tobytes()
    assert (together.categorical < np.array(together.cardinalities)).all()
    assert not np.isinf(together.numeric).any()


def test_rows_from_json_equal_the_stored_table_bit_for_bit() -> None:
    state, stored = fitted(), table()
    rows = [{name: values[i] for name, values in stored.items()} for i in range(60)]
    plain = [{k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()} for row in rows]
    served = json.loads(json.dumps(plain).replace("NaN", "null"))
    left = transform(state, stored, double)
    right = transform(state, rows_to_columns(served, state.raw), double)
    assert left.numeric.tobytes() == right.numeric.tobytes()
    assert left.categorical.tobytes() == right.categorical.tobytes()


@pytest.mark.parametrize("unseen", ["riesig", "", None, np.nan, np.inf, 7, True, "GROSS", {"a": 1}, [1]])
def test_an_unseen_category_is_zero(unseen: Any) -> None:
    rows = [{"x": 1.0, "k": 1, "größe": unseen, "code": 1}]
    state = fitted()
    assert transform(state, rows_to_columns(rows, state.raw), double).categorical[0, 0] == 0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([None] * 8, "holds no number"),
        ([3.0] * 8, "one value only"),
        ([f"2026-01-0{d}" for d in range(1, 9)], "holds dates"),
        (list("abcdefgh"), "holds no number"),
        ([np.inf, -np.inf] * 4, "holds no number"),
    ],
)
def test_a_numeric_column_without_use_is_dropped_with_a_reason(values: list[Any], reason: str) -> None:
    columns = {"good": np.arange(8.0), "bad": np.array(values, dtype=object)}
    state = fit(columns, ["good", "bad"], [])
    assert state.numeric == ("good",)
    assert reason in state.dropped["bad"]


def test_a_column_that_is_one_number_or_missing_still_tells() -> None:
    state = fit({"a": np.array([1.0, np.nan, 1.0])}, ["a"], [])
    assert state.numeric == ("a",)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([None] * 300, "holds no value"),
        (["x"] * 300, "one value only"),
        ([f"client {i}" for i in range(300)], "identifiers"),
        ([f"{2000 + i // 12}-{i % 12 + 1:02d}-01" for i in range(300)], "dates"),
    ],
)
def test_a_category_without_use_is_dropped_with_a_reason(values: list[Any], reason: str) -> None:
    columns = {"good": np.arange(300.0), "bad": np.array(values, dtype=object)}
    state = fit(columns, ["good"], ["bad"])
    assert state.categorical == {}
    assert reason in state.dropped["bad"]


def test_a_thousand_categories_keep_the_most_frequent() -> None:
    values = np.array([f"v{i:04d}" for i in range(1000) for _ in range(3 if i < 200 else 2)], dtype=object)
    state = fit({"v": values}, [], ["v"])
    assert state.categorical["v"] == tuple(f"v{i:04d}" for i in range(200))


def test_no_usable_feature_is_one_clear_error() -> None:
    with pytest.raises(DataError, match="no usable feature"):
        fit({"a": np.zeros(5)}, ["a"], [])


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="'code' is missing"):
        transform(fitted(), {name: values for name, values in table().items() if name != "code"}, double)


def test_the_code_must_still_make_the_derived_features() -> None:
    with pytest.raises(ConfigError, match="does not make the derived features"):
        transform(fitted(), table(), lambda columns: {"twice": columns["x"]})


def test_derived_features_may_not_hide_a_raw_column() -> None:
    with pytest.raises(ConfigError, match="name of a raw column"):
        fit(table(), ["x"], [], derive=lambda columns: {"x": columns["x"]})


def test_derive_sees_no_column_that_is_not_listed() -> None:
    with pytest.raises(ConfigError, match="reads column 'code'"):
        fit(table(), ["x"], [], derive=lambda columns: {"new": columns["code"]})


def test_infinite_derived_values_are_missing() -> None:
    state = fitted()
    design = transform(state, {**table(1), "k": np.array([0]), "x": np.array([1.0])}, double)
    assert np.isnan(design.numeric[0, 2])


def test_dropped_sources_still_feed_derived_features() -> None:
    columns = {"a": np.array([1.0, 2.0, 3.0]), "b": np.full(3, 4.0)}
    state = fit(columns, ["a", "b"], [], derive=lambda c: {"sum": c["a"] + c["b"]}, module="m")
    assert state.numeric == ("a",)
    assert state.sources == ("a", "b")
    assert state.derived == ("sum",)
