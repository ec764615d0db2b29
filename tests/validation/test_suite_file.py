"""Suites as data: what is wrong with a file is named with its expectation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.errors import EXIT_USAGE, ConfigError
from pipelines.validation.sentences import sentence, short, value_text
from pipelines.validation.suite import Rule, check_columns, load_suite

GOOD = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}


def written(folder: Path, content: object) -> Path:
    path = folder / "own.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def derived(**changes: object) -> dict:
    made = {"name": "r", "op": "ratio", "columns": ["x", "y"], **changes}
    return {"name": "own", "meta": {"derived": [made]}, "expectations": [GOOD]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"name": ', "not JSON"),
        ([], "not a suite"),
        ({"expectations": {}}, "not a suite"),
        ({"expectations": []}, "no expectation"),
        ({"expectations": [{"kwargs": {}}]}, "without a type"),
        ({"expectations": [GOOD, {**GOOD, "kwargs": []}]}, "kwargs is not an object .*expectation=1"),
        ({"expectations": [{**GOOD, "severity": "deadly"}]}, "no severity 'deadly'"),
        ({"meta": [1], "expectations": [GOOD]}, "meta is not an object"),
        ({"meta": {"derived": {}}, "expectations": [GOOD]}, "meta.derived is not a list"),
        (derived(op="eval"), "no operation 'eval'"),
        (derived(columns=["x"]), "ratio of 1 columns"),
        (derived(extra=1), "exactly name, op and columns"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_suite(written(tmp_path, content))
    assert caught.value.where["file"] == "expectations/own.json"
    assert caught.value.exit_code == EXIT_USAGE


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such suite \[file=expectations/own\.json\]"):
        load_suite(tmp_path / "own.json")


def test_an_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path, {"expectations": [{**GOOD, "kwargs": {"column": "LIMIT_BALL"}}]}))
    with pytest.raises(ConfigError, match=r"'LIMIT_BALL'.* nearest name is 'LIMIT_BAL'"):
        check_columns(suite, ["LIMIT_BAL", "AGE"], tmp_path / "own.json")


def test_a_derived_column_may_use_an_earlier_one(tmp_path: Path) -> None:
    content = derived()
    content["meta"]["derived"].append({"name": "q", "op": "max", "columns": ["r", "x"]})
    suite = load_suite(written(tmp_path, content))
    check_columns(suite, ["x", "y"], tmp_path / "own.json")
    with pytest.raises(ConfigError, match="'y'"):
        check_columns(suite, ["x"], tmp_path / "own.json")


@pytest.mark.parametrize("name", ["credit_risk", "credit_risk_demo"])
def test_the_projects_suites_load_and_have_every_kind_of_rule(root: Path, name: str) -> None:
    suite = load_suite(root / "expectations" / f"{name}.json")
    kinds = {rule.type for rule in suite.rules}
    assert {
        "expect_column_values_to_be_in_type_list", "expect_column_values_to_be_between",
        "expect_table_row_count_to_be_between",
        "expect_column_values_to_be_in_set", "expect_column_values_to_not_be_null", "expect_column_values_to_be_unique",
        "expect_column_mean_to_be_between", "expect_column_kl_divergence_to_be_less_than",
    } <= kinds  # fmt: skip
    made = {column.name for column in suite.derived}
    assert any(made & set(rule.columns) for rule in suite.row_rules)
    assert suite.name == name


def test_rules_read_as_sentences() -> None:
    def rule(kind: str, **kwargs: object) -> Rule:
        return Rule(0, f"expect_{kind}", kwargs)

    between = rule("column_values_to_be_between", column="AGE", min_value=18, max_value=1000, strict_max=True)
    assert sentence(between) == "AGE is at least 18 and below 1,000"
    assert short(rule("column_values_to_be_between", column="AGE", min_value=0, strict_min=True)) == "above 0"
    assert sentence(rule("column_mean_to_be_between", column="y", max_value=0.3)) == "y has a mean at most 0.3"
    greater = rule("column_pair_values_a_to_be_greater_than_b", column_A="a", column_B="b", or_equal=True)
    assert sentence(greater) == "a is at least b"
    mostly = rule("column_values_to_not_be_null", column="y", mostly=0.9)
    assert sentence(mostly) == "y is not missing, in at least 0.9 of the rows"
    assert "z score" in sentence(rule("column_value_z_scores_to_be_less_than", column="y", threshold=3)).replace(
        "scores", "score"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3.0, "3"), (0.1234567890123, "0.123456789"), (None, "missing"), (float("nan"), "missing"), ("a'b", '"a\'b"'),
     (float("inf"), "inf"), (True, "True"), ("x" * 99, "'" + "x" * 57 + "...'")],
)  # fmt: skip
def test_values_are_shown_short(value: object, shown: str) -> None:
    assert value_text(value) == shown
