from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics import decisions


def test_the_threshold_for_true_probabilities_is_the_cheapest(rng: np.random.Generator) -> None:
    p = rng.beta(1, 4, 200_000)
    y = (rng.random(200_000) < p).astype(int)
    by_rule = decisions.best_threshold(1.0, 5.0)
    assert by_rule == pytest.approx(1 / 6)
    found, least = decisions.cheapest_threshold(y, p, 1.0, 5.0)
    assert found == pytest.approx(by_rule, abs=0.02)
    assert decisions.mean_cost(y, p, by_rule, 1.0, 5.0) == pytest.approx(least, rel=0.002)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(0.1, 10))
def test_no_threshold_costs_less_than_the_cheapest(n: int, seed: int, false: float, missed: float) -> None:
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, n), np.round(rng.random(n), 1)
    threshold, least = decisions.cheapest_threshold(y, p, false, missed)
    assert decisions.mean_cost(y, p, threshold, false, missed) == pytest.approx(least)
    for other in np.linspace(-0.05, 1.05, 23):
        assert decisions.mean_cost(y, p, float(other), false, missed) >= least - 1e-12


def test_acting_on_none_is_found_when_acting_costs_too_much() -> None:
    threshold, least = decisions.cheapest_threshold(np.array([0, 0, 1]), np.array([0.9, 0.8, 0.1]), 100.0, 1.0)
    assert threshold > 0.9
    assert least == pytest.approx(1 / 3)
