"""The threshold of sure answers keeps its promise on rows that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.metrics.selective import choose_threshold, risk_coverage


def drawn(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.2, 1.0, n)
    return confidence, rng.random(n) < confidence


def test_the_bound_holds_on_fresh_rows_about_as_often_as_it_says() -> None:
    fresh, right = drawn(10_000, 50_000)
    broken = 0
    for seed in range(60):
        found = choose_threshold(*drawn(seed, 600), 0.2, 0.9)
        answered = fresh >= found.threshold
        broken += bool(answered.any() and (~right[answered]).mean() > 0.2)
    assert broken <= 6


def test_it_answers_much_of_what_could_be_answered() -> None:
    found = choose_threshold(*drawn(0, 20_000), 0.2, 0.9)
    assert 0.4 < found.coverage < 0.55  # at most half: the mean error above 0.6 is 0.2
    assert found.risk <= found.bound <= 0.2


def test_where_no_threshold_holds_nothing_is_sure() -> None:
    found = choose_threshold(np.full(50, 0.9), np.zeros(50, dtype=bool), 0.1, 0.9)
    assert found.threshold > 1.0
    assert found.coverage == 0.0


def test_equal_confidences_are_answered_together() -> None:
    right = np.arange(400) % 100 != 0
    found = choose_threshold(np.full(400, 0.7), right, 0.05, 0.9)
    assert (found.threshold, found.coverage) == (0.7, 1.0)


def test_risk_at_full_coverage_is_the_error_rate() -> None:
    confidence, right = drawn(1, 1000)
    coverage, risk = risk_coverage(confidence, right)
    assert coverage[-1] == 1.0
    assert risk[-1] == pytest.approx((~right).mean())
    assert risk[5] < risk[-1]
