"""The masks of row-level rules are Great Expectations' own answer, row by row."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.validation.gx import _kwargs
from pipelines.validation.rules import failing, surplus
from pipelines.validation.suite import ROW_LEVEL, Rule

NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([np.nan, 0.5, 1e9, -0.0]))
WHOLE = st.integers(-3, 3)
TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "ab", "abc", "A1", "7", "ü", " "]))
DAYS = st.one_of(
    st.just(pd.NaT), st.integers(0, 9).map(lambda day: pd.Timestamp("2026-01-01") + pd.Timedelta(days=day))
)
COLUMNS = {"f": NUMBERS, "g": NUMBERS, "i": WHOLE, "j": WHOLE, "s": TEXTS, "t": TEXTS, "d": DAYS}
KINDS = {
    "f": np.float64,
    "g": np.float64,
    "i": np.int64,
    "j": np.int64,
    "s": object,
    "t": object,
    "d": "datetime64[ns]",
}
NUMERIC = st.sampled_from(["f", "g", "i", "j"])


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(1, 12))
    data = {name: draw(st.lists(values, min_size=size, max_size=size)) for name, values in COLUMNS.items()}
    return pd.DataFrame({name: pd.Series(values, dtype=KINDS[name]) for name, values in data.items()})


@st.composite
def bounds(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> dict[str, Any]:
    low, high = draw(st.none() | values), draw(st.none() | values)
    if low is None and high is None:
        low = draw(values)
    if low is not None and high is not None and high < low:
        low, high = high, low
    found = {"min_value": low, "max_value": high, "strict_min": draw(st.booleans()), "strict_max": draw(st.booleans())}
    return {key: value for key, value in found.items() if value is not None}


def between() -> st.SearchStrategy[dict[str, Any]]:
    days = st.integers(1, 9).map(lambda day: f"2026-01-{day:02d}")
    limits = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -1.25]))
    numeric = st.builds(lambda column, limit: {"column": column, **limit}, NUMERIC, bounds(limits))
    dated = st.builds(lambda limit: {"column": "d", **limit}, bounds(days))
    return numeric | dated


def sets() -> st.SearchStrategy[dict[str, Any]]:
    numbers = st.lists(st.one_of(st.integers(-3, 3), st.just(0.5)), min_size=1, max_size=4)
    texts = st.lists(st.sampled_from(["", "a", "7", "ü"]), min_size=1, max_size=3)
    numeric = st.builds(lambda column, values: {"column": column, "value_set": values}, NUMERIC, numbers)
    worded = st.builds(lambda column, values: {"column": column, "value_set": values}, st.sampled_from("st"), texts)
    return numeric | worded


def pairs() -> st.SearchStrategy[dict[str, Any]]:
    ignore = st.sampled_from(["both_values_are_missing", "either_value_is_missing", "neither"])
    two = st.tuples(NUMERIC, NUMERIC).filter(lambda pair: pair[0] != pair[1])
    return st.builds(lambda pair, how: {"column_A": pair[0], "column_B": pair[1], "ignore_row_if": how}, two, ignore)


ANY = st.sampled_from(sorted(COLUMNS))
PATTERNS = st.builds(
    lambda column, regex: {"column": column, "regex": regex},
    st.sampled_from("st"),
    st.sampled_from(["^a", "b$", r"\d", "^$", ".", "[A-Z]"]),
)
ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "expect_column_values_to_not_be_null": ANY.map(lambda column: {"column": column}),
    "expect_column_values_to_be_in_set": sets(),
    "expect_column_values_to_not_be_in_set": sets(),
    "expect_column_values_to_be_between": between(),
    "expect_column_value_lengths_to_be_between": st.builds(
        lambda column, limit: {"column": column, **limit}, st.sampled_from("st"), bounds(st.integers(0, 4))
    ),
    "expect_column_values_to_match_regex": PATTERNS,
    "expect_column_values_to_not_match_regex": PATTERNS,
    "expect_column_pair_values_a_to_be_greater_than_b": st.builds(
        lambda pair, or_equal: {**pair, "or_equal": or_equal}, pairs(), st.booleans()
    ),
    "expect_column_pair_values_to_be_equal": pairs(),
    "expect_column_values_to_be_unique": ANY.map(lambda column: {"column": column}),
    "expect_compound_columns_to_be_unique": st.builds(
        lambda columns, ignore: {"column_list": columns, "ignore_row_if": ignore},
        st.lists(ANY, min_size=2, max_size=3, unique=True),
        st.sampled_from(["all_values_are_missing", "any_value_is_missing", "never"]),
    ),
}


@cache
def _batches() -> Any:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context.data_sources.add_pandas("rows").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("r")


def unexpected_rows(rule: Rule, frame: pd.DataFrame) -> list[int]:
    """Row positions that Great Expectations itself lists."""
    from great_expectations.expectations.registry import get_expectation_impl

    batch = _batches().get_batch({"dataframe": frame})
    result = batch.validate(get_expectation_impl(rule.type)(**_kwargs(rule, frame)), result_format="COMPLETE")
    assert result.exception_info.get("raised_exception") is False, result.exception_info
    found = result.result.get("unexpected_index_list")
    assert len(found or []) == result.result["unexpected_count"]
    return sorted(found or [])


def test_every_row_level_type_is_tried() -> None:
    assert set(ARGUMENTS) == ROW_LEVEL


@pytest.mark.parametrize("kind", sorted(ROW_LEVEL))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(data=st.data())
def test_a_mask_is_the_judges_own_list(kind: str, data: st.DataObject) -> None:
    frame, rule = data.draw(frames()), Rule(0, kind, data.draw(ARGUMENTS[kind]))
    assert np.flatnonzero(failing(rule, frame)).tolist() == unexpected_rows(rule, frame)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(ROW_LEVEL))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_mask_is_the_judges_own_list_over_many_tables(kind: str, data: st.DataObject) -> None:
    frame, rule = data.draw(frames()), Rule(0, kind, data.draw(ARGUMENTS[kind]))
    assert np.flatnonzero(failing(rule, frame)).tolist() == unexpected_rows(rule, frame)


@settings(max_examples=100, deadline=None)
@given(frames(), st.data())
def test_without_its_surplus_a_column_is_unique(frame: pd.DataFrame, data: st.DataObject) -> None:
    rule = Rule(0, "expect_column_values_to_be_unique", {"column": data.draw(ANY)})
    alive = np.array(data.draw(st.lists(st.booleans(), min_size=len(frame), max_size=len(frame))))
    extra = surplus(rule, frame, alive)
    assert not (extra & ~alive).any()
    assert not failing(rule, frame[alive & ~extra]).any()
    values = frame[rule.columns[0]]
    assert set(values[alive & ~extra].dropna()) == set(values[alive].dropna())
