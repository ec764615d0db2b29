"""Raw values: the same number and the same category however they are stored."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.values import as_keys, as_numbers, category_key, looks_like_dates, rows_to_columns

ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=2)
)


def objects(values: list[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


@settings(deadline=None, max_examples=60)
@given(st.lists(ANY, max_size=20))
def test_any_value_becomes_a_float32_number_or_nan(values: list[Any]) -> None:
    numbers = as_numbers(objects(values))
    assert numbers.dtype == np.float64
    assert numbers.shape == (len(values),)
    present = numbers[~np.isnan(numbers)]
    assert np.isfinite(present.astype(np.float32)).all()


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3.0), ("3.5", 3.5), (True, 1.0), (" 2 ", 2.0), (np.int8(4), 4.0)],
)
def test_what_reads_as_a_number_counts_as_one(value: Any, number: float) -> None:
    assert as_numbers(objects([value]))[0] == number


@pytest.mark.parametrize("value", [None, np.nan, np.inf, -np.inf, "inf", 1e39, 10**400, "", "n/a", [], {}, b"\xff"])
def test_what_is_no_number_is_nan(value: Any) -> None:
    assert np.isnan(as_numbers(objects([value]))[0])


def test_dates_are_no_numbers() -> None:
    assert np.isnan(as_numbers(np.array(["2026-01-01"], dtype="datetime64[ns]"))).all()
    assert np.isnan(as_numbers(np.array(["2026-01-01"]))).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(-(2**52), 2**52))
def test_a_whole_number_has_one_key_in_every_storage_type(value: int) -> None:
    stored = (value, float(value), np.int64(value), np.float64(value))
    assert {category_key(item) for item in stored} == {str(value)}
    for column in (np.array([value]), np.array([float(value)]), objects([value])):
        position, keys = as_keys(column)
        assert keys[position[0]] == str(value)


@pytest.mark.parametrize("value", [None, np.nan, np.inf, "", np.datetime64("NaT")])
def test_missing_has_no_key(value: Any) -> None:
    assert category_key(value) is None


@settings(deadline=None, max_examples=60)
@given(st.lists(ANY, min_size=1, max_size=20))
def test_a_column_of_keys_is_the_key_of_each_value(values: list[Any]) -> None:
    position, keys = as_keys(objects(values))
    assert [keys[place] for place in position.tolist()] == [category_key(value) for value in values]


def test_a_stored_date_has_the_key_of_the_text_that_a_client_sends() -> None:
    stored = np.array(["2026-01-02", "NaT", "2026-01-02T03:04:05"], dtype="datetime64[ns]")
    position, keys = as_keys(stored)
    assert [keys[place] for place in position.tolist()] == ["2026-01-02", None, "2026-01-02T03:04:05"]


def test_json_rows_become_columns_with_none_where_a_key_is_absent() -> None:
    columns = rows_to_columns(json.loads('[{"a": 1, "ü": [2]}, {"ü": null}]'), ["a", "ü"])
    assert columns["a"].tolist() == [1, None]
    assert columns["ü"].tolist() == [[2], None]


@pytest.mark.parametrize(
    "values",
    [["2026-01-01", None, "2026-12-31"], ["2026-01-01T10:00:00Z"], [date(2026, 1, 1)], [datetime(2026, 1, 1, 5)]],
)
def test_dates_are_recognised(values: list[Any]) -> None:
    assert looks_like_dates(objects(values))


@pytest.mark.parametrize("values", [[], [None], ["2026-13-01"], ["2026-01-01", "x"], [20260101], ["0123-567-890"]])
def test_other_things_are_not_taken_for_dates(values: list[Any]) -> None:
    assert not looks_like_dates(objects(values))
