"""Estimated performance against the outcomes that the simulator knows, and its noise."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipelines.metrics.decisions import mean_cost
from pipelines.metrics.estimated import Decision, estimated_changes
from pipelines.metrics.ranking import average_precision, roc_auc
from pipelines.metrics.sketches import sketch_numeric
from pipelines.sources.simulators import credit, credit_truth

ROWS = 20_000
DECISION = Decision(threshold=1 / 6, false_positive=1.0, false_negative=5.0)


def truth(day: date, shift: str = "none", rows: int = ROWS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, its true probability, and what a model that knows the old world would say."""
    outcomes = credit.outcomes(7, day, rows, shift)
    columns = credit.production_day(7, day, rows, shift)
    believed = credit_truth.true_probability({name: columns[name].to_numpy(float) for name in columns})
    return outcomes[credit.TARGET].to_numpy(), outcomes["probability"].to_numpy(), believed


@pytest.mark.parametrize("shift", ["none", "income_drop"])
def test_estimates_meet_what_came_true_where_the_probabilities_hold(shift: str) -> None:
    y, _, p = truth(date(2026, 6, 2), shift)
    found = {c.name: c for c in estimated_changes(sketch_numeric(p), sketch_numeric(p), DECISION)}
    real = {
        "roc_auc": roc_auc(y, p),
        "average_precision": average_precision(y, p),
        "brier": float(np.mean((y - p) ** 2)),
        "cost_per_row": mean_cost(y, p, DECISION.threshold, DECISION.false_positive, DECISION.false_negative),
    }
    assert set(found) == set(real)
    for name, value in real.items():
        assert found[name].window == pytest.approx(value, rel=0.04), name


def test_a_recession_makes_outcomes_less_certain_and_is_no_loss_of_ranking() -> None:
    before, now = (truth(date(2026, 6, 2), shift)[2] for shift in ("none", "income_drop"))
    found = {c.name: c for c in estimated_changes(sketch_numeric(before), sketch_numeric(now), DECISION)}
    assert found["brier"].worse
    assert found["brier"].low > 0
    assert not found["roc_auc"].worse
    assert found["roc_auc"].window > found["roc_auc"].reference


def test_a_blunter_mix_of_rows_is_called_a_loss() -> None:
    p = truth(date(2026, 6, 2))[2]
    blunt = p[(p > 0.1) & (p < 0.3)]
    found = {c.name: c for c in estimated_changes(sketch_numeric(p), sketch_numeric(blunt), DECISION)}
    assert found["roc_auc"].worse
    assert found["average_precision"].worse


def test_a_change_of_what_the_outcome_depends_on_is_not_seen() -> None:
    before = sketch_numeric(truth(date(2026, 6, 2))[2])
    y, _, believed = truth(date(2026, 6, 3), "concept_change")
    found = {c.name: c for c in estimated_changes(before, sketch_numeric(believed), DECISION)}
    assert not any(change.worse for change in found.values())
    assert found["brier"].window < float(np.mean((y - believed) ** 2)) * 0.95


def test_windows_without_change_are_called_worse_no_more_often_than_stated() -> None:
    generator = np.random.default_rng(1)
    called = [
        [
            change.worse
            for change in estimated_changes(
                sketch_numeric(generator.beta(2, 6, 3000), clusters=40),
                sketch_numeric(generator.beta(2, 6, 500), clusters=40),
                DECISION,
                resamples=200,
            )
        ]
        for _ in range(300)
    ]
    assert np.mean(called) <= 0.02


def test_the_same_again_gives_the_same() -> None:
    reference, window = (sketch_numeric(truth(date(2026, 6, 2) + timedelta(days=d), rows=600)[2]) for d in (0, 1))
    assert estimated_changes(reference, window, DECISION) == estimated_changes(reference, window, DECISION)


def test_what_is_no_probability_is_not_estimated() -> None:
    good, empty = sketch_numeric(np.array([0.1, 0.9])), sketch_numeric(np.array([np.nan]))
    assert estimated_changes(good, sketch_numeric(np.array([0.1, 1.7]))) == []
    assert estimated_changes(empty, good) == []
    assert "cost_per_row" not in {change.name for change in estimated_changes(good, good)}
