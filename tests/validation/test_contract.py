"""The contract on small tables: who is refused, why, and what blocks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import ConfigError, DataError, StageError
from pipelines.validation import contract, gx
from pipelines.validation.contract import Outcome, apply_contract
from pipelines.validation.suite import Derived, Rule, Suite

PATH = Path("own.json")


def run(
    frame: pd.DataFrame, *rules: tuple, derived: tuple[Derived, ...] = (), numeric: tuple[str, ...] = ()
) -> Outcome:
    made = tuple(
        Rule(position, f"expect_{kind}", kwargs, *(rest or ("critical",)))
        for position, (kind, kwargs, *rest) in enumerate(rules)
    )
    return apply_contract(frame, Suite("own", made, derived), PATH, numeric)


def reasons(outcome: Outcome) -> dict[int, list[str]]:
    pairs = zip(outcome.quarantine["_row"], outcome.quarantine["_reasons"], strict=True)
    return {int(row): json.loads(text) for row, text in pairs}


NOT_NULL = ("column_values_to_not_be_null", {"column": "x"})
RANGE = ("column_values_to_be_between", {"column": "x", "min_value": 0, "max_value": 10})


def test_every_refused_row_has_its_reasons_and_raw_values() -> None:
    frame = pd.DataFrame({"x": ["1", "abc", "99", None, "inf"], "note": list("vwxyz")})
    outcome = run(frame, NOT_NULL, RANGE, numeric=("x",))
    assert reasons(outcome) == {
        1: ["x: not a finite number: 'abc'"],
        2: ["x: between 0 and 10: 99"],
        3: ["x: not missing: missing"],
        4: ["x: not a finite number: 'inf'"],
    }
    assert outcome.quarantine["x"].tolist() == ["abc", "99", None, "inf"]
    assert outcome.quarantine["_row"].dtype == np.int64
    assert outcome.accepted["x"].tolist() == [1]
    assert outcome.accepted["x"].dtype == np.int64
    assert outcome.accepted.columns.tolist() == ["x", "note"]


def test_counts_are_the_judges_own() -> None:
    frame = pd.DataFrame({"x": [1.0, 99.0, np.nan, -1.0]})
    entries = run(frame, NOT_NULL, RANGE).report["expectations"]
    assert [(entry["unexpected"], entry["share"], entry["success"]) for entry in entries] == [
        (1, 0.25, False),
        (2, 0.5, False),
    ]


def test_of_repeated_ids_the_first_sound_row_stays() -> None:
    frame = pd.DataFrame({"id": [1, 1, 1, 2], "x": [99.0, 1.0, 2.0, 3.0]})
    outcome = run(frame, RANGE, ("column_values_to_be_unique", {"column": "id"}))
    assert outcome.accepted["x"].tolist() == [1.0, 3.0]
    assert reasons(outcome)[2] == ["id: unique: 1"]
    assert outcome.report["expectations"][1]["unexpected"] == 3


def test_cross_column_rules_are_told_only_of_rows_with_sound_values() -> None:
    frame = pd.DataFrame({"x": [1.0, -1.0, 5.0], "limit": [10.0, 10.0, 1.0]})
    outcome = run(
        frame,
        ("column_values_to_be_between", {"column": "x", "min_value": 0}),
        ("column_values_to_be_between", {"column": "used", "min_value": 0, "max_value": 1}),
        ("column_pair_values_a_to_be_greater_than_b", {"column_A": "limit", "column_B": "x"}),
        derived=(Derived("used", "ratio", ("x", "limit")),),
    )
    assert reasons(outcome) == {
        1: ["x: at least 0: -1"],
        2: ["used: between 0 and 1: 5"],
    }
    assert "used" not in outcome.accepted
    assert outcome.accepted["x"].tolist() == [1]


def test_the_table_is_judged_without_the_refused_rows() -> None:
    frame = pd.DataFrame({"x": [5.0, 5.0, 1e6]})
    held = run(frame, RANGE, ("column_mean_to_be_between", {"column": "x", "max_value": 6}))
    assert held.blocking == ()
    assert held.report["expectations"][1]["observed"] == 5.0
    failed = run(frame, RANGE, ("column_mean_to_be_between", {"column": "x", "max_value": 4}))
    assert failed.blocking == (
        ("column_mean_to_be_between.x", "does not hold: x has a mean at most 4: observed 5", 5.0),
    )
    assert failed.report["success"] is False


def test_a_warning_is_counted_but_neither_refuses_nor_blocks() -> None:
    frame = pd.DataFrame({"x": [5.0, 99.0]})
    outcome = run(frame, (*RANGE, "warning"), ("column_mean_to_be_between", {"column": "x", "max_value": 6}, "warning"))
    assert len(outcome.accepted) == 2
    assert outcome.blocking == ()
    assert [entry["success"] for entry in outcome.report["expectations"]] == [False, False]


def test_mostly_blocks_when_too_many_rows_fail() -> None:
    frame = pd.DataFrame({"x": [5.0] * 7 + [99.0] * 3})
    kind, kwargs = RANGE
    assert run(frame, (kind, {**kwargs, "mostly": 0.6})).blocking == ()
    (name, told, _) = run(frame, (kind, {**kwargs, "mostly": 0.9})).blocking[0]
    assert name == "column_values_to_be_between.x"
    assert "in at least 0.9 of the rows: observed 0.3" in told


def test_a_conditional_rule_is_about_the_table() -> None:
    frame = pd.DataFrame({"x": [5.0, 99.0], "kind": ["a", "b"]})
    kind, kwargs = RANGE
    outcome = run(frame, (kind, {**kwargs, "row_condition": "kind == 'b'", "condition_parser": "pandas"}))
    assert len(outcome.accepted) == 2
    assert len(outcome.blocking) == 1


def test_added_columns_are_no_part_of_the_tables_shape() -> None:
    frame = pd.DataFrame({"x": [1.0], "y": [2.0]})
    outcome = run(
        frame,
        ("table_columns_to_match_set", {"column_set": ["x", "y"], "exact_match": True}),
        ("column_values_to_be_between", {"column": "r", "min_value": 0}),
        derived=(Derived("r", "ratio", ("x", "y")),),
    )
    assert outcome.blocking == ()


def test_a_missing_column_may_be_what_the_table_is_judged_by() -> None:
    outcome = run(pd.DataFrame({"x": [1.0]}), ("column_to_exist", {"column": "gone"}))
    assert outcome.blocking[0][0] == "column_to_exist.gone"


def test_nothing_left_is_not_judged() -> None:
    outcome = run(
        pd.DataFrame({"x": [np.nan, np.nan]}), NOT_NULL, ("column_mean_to_be_between", {"column": "x", "min_value": 0})
    )
    assert len(outcome.accepted) == 0
    assert outcome.report["expectations"][1]["success"] is None


def test_the_same_expectation_twice_is_judged_twice() -> None:
    outcome = run(pd.DataFrame({"x": [99.0, 1.0]}), RANGE, RANGE)
    assert [entry["unexpected"] for entry in outcome.report["expectations"]] == [1, 1]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (("column_values_to_be_shiny", {"column": "x"}), "no expectation 'expect_column_values_to_be_shiny'"),
        (("column_values_to_be_between", {"column": "x"}), "min_value and max_value cannot both be None"),
        (("column_values_to_be_between", {"column": "x", "min_value": 0, "mx": 3}), "mx: extra fields not permitted"),
        (("column_values_to_be_between", {"column": "y", "min_value": 0}), "'y', which the rows do not have"),
    ],
)
def test_a_wrong_expectation_is_a_matter_of_the_suite(rule: tuple, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run(pd.DataFrame({"x": [1.0]}), rule)


def test_an_error_inside_the_judge_is_not_bad_data() -> None:
    frame = pd.DataFrame({"x": ["a", "b"]})
    with pytest.raises(StageError, match="Great Expectations failed inside") as caught:
        run(frame, ("column_mean_to_be_between", {"column": "x", "min_value": 0}))
    assert caught.value.where["column"] == "x"
    assert "0 (expect_column_mean_to_be_between)" in caught.value.line()


def test_a_mask_that_disagrees_with_the_judge_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "failing", lambda _rule, frame: np.ones(len(frame), dtype=bool))
    with pytest.raises(StageError, match="Nightshift finds 2 failing rows, Great Expectations 1"):
        run(pd.DataFrame({"x": [99.0, 1.0]}), RANGE)


def test_a_rule_that_the_judge_leaves_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gx, "_count", lambda _result: None)
    with pytest.raises(StageError, match="Great Expectations None"):
        run(pd.DataFrame({"x": [99.0, 1.0]}), RANGE)


@pytest.mark.parametrize("name", ["_row", "_reasons", "r"])
def test_reserved_column_names_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"{name!r} is reserved"):
        run(pd.DataFrame({"x": [1.0], name: [1.0]}), NOT_NULL, derived=(Derived("r", "max", ("x",)),))


def test_unicode_columns_and_values_come_through() -> None:
    frame = pd.DataFrame({"年龄": ["30", "viele"], "Größe": ["klein", "riesig"]})
    outcome = run(
        frame,
        ("column_values_to_be_between", {"column": "年龄", "min_value": 0, "max_value": 99}),
        ("column_values_to_be_in_set", {"column": "Größe", "value_set": ["klein", "groß"]}),
    )
    assert reasons(outcome) == {1: ["年龄: not a finite number: 'viele'", "Größe: one of klein, groß: 'riesig'"]}


def test_timestamps_are_compared_with_days() -> None:
    frame = pd.DataFrame({"when": pd.to_datetime(["2026-01-01", "1999-01-01", None]).as_unit("ms")})
    outcome = run(frame, ("column_values_to_be_between", {"column": "when", "min_value": "2026-01-01"}))
    assert reasons(outcome) == {1: ["when: at least 2026-01-01: 1999-01-01"]}
    assert len(outcome.accepted) == 2


def test_the_report_is_the_same_each_time_and_has_no_clock() -> None:
    frame = pd.DataFrame({"x": [1.0, 99.0]})
    first, second = (json.dumps(run(frame, RANGE).report, sort_keys=True) for _ in range(2))
    assert first == second
    assert "run_id" not in first


def test_large_tables_are_judged_by_column_with_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"id": [1, 1, 2, 3], "x": [1.0, 99.0, np.nan, 4.0], "y": [2.0, 1.0, 1.0, 3.0]})
    rules = (
        NOT_NULL,
        RANGE,
        ("column_values_to_be_unique", {"column": "id"}),
        ("column_pair_values_a_to_be_greater_than_b", {"column_A": "y", "column_B": "x"}),
        ("column_mean_to_be_between", {"column": "y", "max_value": 2}),
        ("table_columns_to_match_set", {"column_set": ["id", "x", "y"]}),
        ("table_row_count_to_be_between", {"min_value": 1}),
        ("column_to_exist", {"column": "gone"}),
    )
    whole = run(frame, *rules)
    monkeypatch.setattr(gx, "NARROW_FROM", 0)
    narrow = run(frame, *rules)
    assert narrow.report == whole.report
    assert narrow.blocking == whole.blocking
