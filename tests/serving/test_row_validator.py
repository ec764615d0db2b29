from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.serving.validate import MAX_PROBLEMS, RowValidator

SEEN = [10000, 1000000]
SCHEMA: dict[str, Any] = {
    "id": "client",
    "fields": [
        {"name": "limit", "type": "integer", "nullable": False, "minimum": 0, "maximum": 1990000, "seen": SEEN},
        {"name": "rate", "type": "number", "nullable": True, "minimum": -1.5, "maximum": 2.5, "seen": [-0.5, 1.5]},
        {"name": "education", "type": "integer", "nullable": False, "allowed": [1, 2, 3]},
        {"name": "region", "type": "string", "nullable": True, "allowed": ["north", "süd"]},
        {"name": "note", "type": "string", "nullable": True},
        {"name": "empty", "type": "number", "nullable": True, "example": None},
    ],
}  # fmt: skip
GOOD = {"limit": 20000, "rate": 0.5, "education": 2, "region": "süd", "note": "x", "empty": None}
VALIDATOR = RowValidator(SCHEMA)


def problems(row: Any) -> list[dict[str, Any]]:
    return [problem.to_json() for problem in VALIDATOR.check([row])[0]]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"limit": 20000.0},
        {"rate": None},
        {"rate": 1},
        {"education": 2.0},
        {"region": None},
        {"client": "A-17"},
        {"note": ""},
        {"empty": 5},
    ],
)
def test_rows_of_the_schema_pass(change: dict[str, Any]) -> None:
    assert VALIDATOR.check([{**GOOD, **change}]) == ([], {})


def test_a_field_that_may_be_null_may_be_left_out() -> None:
    row = {name: value for name, value in GOOD.items() if name not in ("rate", "region", "note", "empty")}
    assert VALIDATOR.check([row]) == ([], {})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("limit", "20000", "must be a number, not text"),
        ("limit", True, "must be a number, not true or false"),
        ("limit", None, "must not be null"),
        ("limit", 1.5, "must be a whole number"),
        ("limit", math.nan, "must be a finite number"),
        ("limit", -1, "is not within 0 to 1990000"),
        ("limit", 10**400, "is not within 0 to 1990000"),
        ("limit", [1], "must be a number, not a list"),
        ("limit", {"a": 1}, "must be a number, not an object"),
        ("rate", math.inf, "must be a finite number"),
        ("rate", 99.0, "is not within -1.5 to 2.5"),
        ("education", 9, "9 is none of 1, 2, 3"),
        ("education", math.nan, "must be a finite number"),
        ("region", "west", "'west' is none of 'north', 'süd'"),
        ("region", 1, "must be text, not a number"),
        ("note", "x" * 2000, "longer than 1000 characters"),
        ("empty", math.nan, "must be a finite number"),
        ("limitt", 3, "is not a field of this product"),
    ],
)
def test_what_is_impossible_is_refused_by_row_and_field(field: str, value: Any, words: str) -> None:
    found = problems({**GOOD, field: value})
    assert [(item["row"], item["field"]) for item in found] == [(0, field)]
    assert words in found[0]["problem"]


def test_a_missing_field_is_named() -> None:
    assert problems({name: GOOD[name] for name in GOOD if name != "limit"}) == [
        {"row": 0, "field": "limit", "problem": "is missing"}
    ]


@pytest.mark.parametrize("row", [None, 1, "x", [], [GOOD]])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    assert problems(row)[0]["field"] is None


def test_a_value_beyond_what_was_seen_is_answered_with_a_warning() -> None:
    found, warnings = VALIDATOR.check([GOOD, {**GOOD, "limit": 1500000, "rate": -0.6}])
    assert found == []
    assert list(warnings) == [1]
    assert [text.split(":")[0] for text in warnings[1]] == ["limit", "rate"]
    assert "1500000 is outside 10000 to 1e+06" in warnings[1][0]


def test_protected_columns_may_be_sent_and_must_be_plain() -> None:
    validator = RowValidator({**SCHEMA, "also": ["sex"]})
    assert validator.check([GOOD, {**GOOD, "sex": 2}, {**GOOD, "sex": "f"}, {**GOOD, "sex": None}])[0] == []
    for value in ([1], {"a": 1}, float("nan"), "x" * 1001):
        found = [problem.field for problem in validator.check([{**GOOD, "sex": value}])[0]]
        assert found == ["sex"]


def test_a_hopeless_request_reports_no_more_than_it_must() -> None:
    found, _ = VALIDATOR.check([{}] * 5000)
    assert len(found) == MAX_PROBLEMS


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(row=st.dictionaries(st.sampled_from([*GOOD, "client", "other"]), ANY) | ANY)
def test_any_value_is_judged_without_an_error_and_problems_can_be_sent(row: Any) -> None:
    found, warnings = VALIDATOR.check([row])
    json.dumps([problem.to_json() for problem in found], allow_nan=False)
    json.dumps(warnings, allow_nan=False)
    if not found:
        assert isinstance(row, dict)
        for name in ("limit", "education"):
            assert isinstance(row[name], int | float)
            assert not isinstance(row[name], bool)
        assert row.get("rate") is None or -1.5 <= row["rate"] <= 2.5
