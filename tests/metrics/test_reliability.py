from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics import reliability


def by_hand(y: np.ndarray, p: np.ndarray, bins: int) -> float:
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, bins)
    return sum(len(rows) * abs(y[rows].mean() - p[rows].mean()) for rows in parts) / len(y)


def test_without_ties_the_bins_hold_equally_many_rows(rng: np.random.Generator) -> None:
    p = rng.random(1500)
    y = (rng.random(1500) < p**1.5).astype(int)
    bins = reliability.Reliability(y, p).binned()[0]
    assert bins.weight.tolist() == [100.0] * 15
    assert reliability.ece(y, p) == pytest.approx(by_hand(y, p, 15), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 80), st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_bins_split_the_rows_never_a_tie_and_never_by_order(n: int, seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.integers(0, levels, n) / levels
    y = rng.integers(0, 2, n)
    bins = reliability.Reliability(y, p).binned()[0]
    assert bins.weight.sum() == n
    assert bins.observed.sum() == y.sum()
    assert bins.predicted.sum() == pytest.approx(p.sum())
    assert len(bins.weight) <= min(15, len(np.unique(p)))
    order = rng.permutation(n)
    assert reliability.ece(y, p) == pytest.approx(reliability.ece(y[order], p[order]), abs=1e-12)


def test_a_constant_probability_is_judged_as_one_bin() -> None:
    y = np.array([1, 0, 0, 0])
    assert reliability.ece(y, np.full(4, 0.25)) == pytest.approx(0.0)
    assert reliability.ece(y, np.full(4, 0.5)) == pytest.approx(0.25)


def test_noise_alone_shows_in_the_plain_error_and_not_in_the_debiased_one(rng: np.random.Generator) -> None:
    plain, noise, square = [], [], []
    for _ in range(200):
        p = rng.uniform(0.05, 0.6, 600)
        y = (rng.random(600) < p).astype(int)
        bins = reliability.Reliability(y, p).binned()[0]
        plain.append(reliability.ece_of(bins))
        noise.append(reliability.noise_ece_of(bins))
        square.append(reliability.debiased_square_of(bins))
    assert np.mean(plain) == pytest.approx(np.mean(noise), rel=0.05)
    assert np.mean(plain) > 0.04
    assert abs(np.mean(square)) < 2e-4


def test_a_shift_of_all_probabilities_is_measured_without_bias(rng: np.random.Generator) -> None:
    found = []
    for _ in range(100):
        p = rng.uniform(0.1, 0.5, 600)
        y = (rng.random(600) < p + 0.1).astype(int)
        found.append(reliability.debiased_square_of(reliability.Reliability(y, p).binned()[0]))
    assert np.sqrt(np.mean(found)) == pytest.approx(0.1, abs=0.01)
