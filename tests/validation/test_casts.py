"""Columns become what the contract means; what cannot be is named, not lost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.validation.casts import cast, derive, numeric_columns, text_columns, whole_numbers
from pipelines.validation.suite import Derived, Rule, Suite


def suite(*rules: Rule, derived: tuple[Derived, ...] = ()) -> Suite:
    return Suite("own", rules, derived)


def rule(kind: str, **kwargs: object) -> Rule:
    return Rule(0, f"expect_{kind}", kwargs)


def test_what_is_a_number_follows_from_the_rules() -> None:
    own = suite(
        rule("column_values_to_be_between", column="a", min_value=0),
        rule("column_values_to_be_in_set", column="b", value_set=[1, 2]),
        rule("column_values_to_be_in_set", column="c", value_set=["x", "1"]),
        rule("column_value_lengths_to_be_between", column="d", min_value=1),
        rule("column_values_to_match_regex", column="e", regex="^x"),
        rule("column_values_to_be_between", column="when", min_value="2026-01-01"),
        rule("column_values_to_be_between", column="made", min_value=0),
        derived=(Derived("made", "ratio", ("p", "q")),),
    )
    assert numeric_columns(own, ["z"]) == {"a", "b", "p", "q", "z"}
    assert text_columns(own) == {"c", "d", "e"}


def test_words_and_infinities_in_a_column_of_numbers_are_misfits_and_missing_is_not() -> None:
    frame = pd.DataFrame({"x": ["1", "two", "NA", None, "inf", " 3.5 "], "y": [1.0, np.inf, np.nan, 2.0, -np.inf, 0.0]})
    clean, misfits = cast(frame, {"x", "y"}, set())
    assert [np.flatnonzero(found.rows).tolist() for found in misfits] == [[1, 4], [1, 4]]
    assert clean["x"].tolist()[0::5] == [1.0, 3.5]
    assert clean["x"].isna().tolist() == [False, True, True, True, True, False]
    assert frame["x"].tolist()[1] == "two"


def test_dates_in_a_column_of_numbers_are_misfits() -> None:
    frame = pd.DataFrame({"x": pd.to_datetime(["2026-01-01", None])})
    _, misfits = cast(frame, {"x"}, set())
    assert misfits[0].rows.tolist() == [True, False]


def test_truth_values_count_as_numbers() -> None:
    clean, misfits = cast(pd.DataFrame({"x": [True, False]}), {"x"}, set())
    assert (clean["x"].tolist(), misfits) == ([1, 0], [])


def test_codes_that_arrived_as_numbers_become_text_again() -> None:
    clean, _ = cast(pd.DataFrame({"a": [1, 20], "b": [1.0, np.nan], "c": [1.5, 2.0]}), set(), {"a", "b", "c"})
    assert clean["a"].tolist() == ["1", "20"]
    assert clean["b"].tolist() == ["1", None]
    assert clean["c"].tolist() == ["1.5", "2.0"]


def test_whole_numbers_come_back_as_integers_and_others_stay() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1.5, 2.0], "c": [1.0, np.nan], "d": [1e300, 1.0], "e": [3.0, 4.0]})
    kinds = whole_numbers(frame, ["a", "b", "c", "d", "gone"]).dtypes.astype(str).tolist()
    assert kinds == ["int64", "float64", "float64", "float64", "float64"]


def test_derived_columns_build_on_each_other_and_miss_what_their_parts_miss() -> None:
    frame = pd.DataFrame({"a": [1, 5, 2], "b": [2.0, np.nan, 0.0]})
    made = derive(
        frame,
        [
            Derived("top", "max", ("a", "b")),
            Derived("sum", "sum", ("a", "b")),
            Derived("low", "min", ("a", "b")),
            Derived("ratio", "ratio", ("top", "b")),
            Derived("gap", "difference", ("a", "b")),
        ],
    )
    assert made["top"].tolist()[::2] == [2.0, 2.0]
    assert made["sum"].tolist()[::2] == [3.0, 2.0]
    assert made["low"].tolist()[::2] == [1.0, 0.0]
    assert made["gap"].tolist()[::2] == [-1.0, 2.0]
    assert made["ratio"].tolist()[0] == 1.0
    assert made.loc[1, ["top", "sum", "low", "ratio", "gap"]].isna().all()
    assert np.isnan(made["ratio"][2])
    assert list(frame.columns) == ["a", "b"]
