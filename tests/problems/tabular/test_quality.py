from __future__ import annotations

from typing import Any

import pytest
from lanes import params_for

from pipelines.config import Product
from pipelines.errors import ConfigError
from pipelines.metrics.intervals import Estimate
from pipelines.problems.common.quality import fairness_checks, require_known_metrics, requirement_checks


def product(requirements: dict[str, Any], name: str = "cancer", **evaluate: Any) -> Product:
    return params_for(name, requirements, **evaluate).product(name)


@pytest.mark.parametrize(
    ("found", "ok", "word"),
    [
        (Estimate(0.80, 0.76, 0.84), True, "reaches"),
        (Estimate(0.80, 0.75, 0.84), True, "reaches"),
        (Estimate(0.77, 0.73, 0.81), False, "straddles"),
        (Estimate(0.70, 0.66, 0.74), False, "misses"),
        (Estimate(float("nan"), float("nan"), float("nan")), False, "not defined"),
    ],
)
def test_a_floor_is_judged_by_the_lower_end(found: Estimate, ok: bool, word: str) -> None:
    (check,) = requirement_checks(product({"floors": {"roc_auc": 0.75}}), {"roc_auc": found})
    assert check.ok is ok
    assert word in check.detail


@pytest.mark.parametrize(("found", "ok"), [(Estimate(0.15, 0.14, 0.17), True), (Estimate(0.15, 0.13, 0.18), False)])
def test_a_ceiling_is_judged_by_the_upper_end(found: Estimate, ok: bool) -> None:
    (check,) = requirement_checks(product({"ceilings": {"brier": 0.17}}), {"brier": found})
    assert check.ok is ok


def part(value: float, low: float, high: float, protected: bool = True) -> dict[str, Any]:
    gap = {"value": value, "low": low, "high": high, "highest": "2", "lowest": "1"}
    return {"column": "sex", "protected": protected, "gaps": {"recall": gap, "selection_rate": None}}


@pytest.mark.parametrize(
    ("gap", "ok", "words"),
    [
        (part(0.05, 0.01, 0.09), True, "within the limit 0.1"),
        (part(0.12, 0.08, 0.16), True, "above the limit 0.1 but not beyond noise"),
        (part(0.20, 0.15, 0.25), False, "above the limit 0.1"),
    ],
)
def test_a_fairness_limit_is_broken_beyond_noise_only(gap: dict[str, Any], ok: bool, words: str) -> None:
    fair = {"fairness": {"max_recall_gap": 0.1, "max_selection_gap": 0.1}}
    (check,) = fairness_checks(product(fair), [gap])
    assert check.ok is ok
    assert check.detail.endswith(words)


def test_only_protected_columns_and_stated_limits_are_judged() -> None:
    assert fairness_checks(product({}), [part(0.9, 0.8, 1.0)]) == []
    assert fairness_checks(product({"fairness": {"max_recall_gap": 0.1}}), [part(0.9, 0.8, 1.0, protected=False)]) == []


@pytest.mark.parametrize(
    ("requirements", "evaluate", "words"),
    [
        ({"floors": {"auc": 0.7}}, {}, "no metric 'auc' for a binary problem"),
        ({"ceilings": {"lift_0": 0.7}}, {}, "lift_0"),
        ({}, {"metric": "cost"}, "evaluate.metric"),
    ],
)
def test_an_unknown_metric_is_named_with_what_is_allowed(
    requirements: dict[str, Any], evaluate: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        require_known_metrics(product(requirements, **evaluate))
    assert "roc_auc" in caught.value.next_step


def test_metrics_of_each_task_are_known() -> None:
    require_known_metrics(product({"floors": {"lift_7": 1.0, "recall": 0.5}, "ceilings": {"cost": 2.0}}))
    require_known_metrics(product({"floors": {"macro_f1": 0.5}}, "wine"))
    require_known_metrics(product({"ceilings": {"rmse": 99.0}}, "diabetes"))
