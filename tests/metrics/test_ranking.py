from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from pipelines.metrics import ranking


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 60))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    y[0], y[1] = 0, 1
    grid = st.one_of(st.integers(0, 3).map(lambda k: k / 3), st.floats(0, 1, width=32))
    return y, np.array(draw(st.lists(grid, min_size=n, max_size=n)), dtype=np.float64)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(scored())
def test_ranking_measures_equal_scikit_learn(rows: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = rows
    assert ranking.roc_auc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert ranking.average_precision(y, score) == pytest.approx(average_precision_score(y, score), abs=1e-12)
    false, true, _ = roc_curve(y, score, drop_intermediate=False)
    assert ranking.ks(y, score) == pytest.approx(np.max(np.abs(true - false)), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(scored(), st.integers(0, 2**32 - 1))
def test_row_order_never_matters(rows: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    y, score = rows
    order = np.random.default_rng(seed).permutation(len(y))
    for measure in (ranking.roc_auc, ranking.average_precision, ranking.ks, ranking.lift):
        assert measure(y, score) == pytest.approx(measure(y[order], score[order]), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(scored(), st.integers(0, 2**32 - 1))
def test_a_weight_counts_as_that_many_rows(rows: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    y, score = rows
    weights = np.random.default_rng(seed).integers(0, 4, len(y)).astype(float)
    weights[:2] = 1
    repeated = np.repeat(np.arange(len(y)), weights.astype(int))
    line = ranking.curve(ranking.rank(y, score), weights[None, :])
    assert ranking.auc_of(line)[0] == pytest.approx(ranking.roc_auc(y[repeated], score[repeated]), abs=1e-12)
    assert ranking.ks_of(line)[0] == pytest.approx(ranking.ks(y[repeated], score[repeated]), abs=1e-12)
    expected = ranking.average_precision(y[repeated], score[repeated])
    assert ranking.average_precision_of(line)[0] == pytest.approx(expected, abs=1e-12)
    assert ranking.lift_of(line, 0.2)[0] == pytest.approx(ranking.lift(y[repeated], score[repeated], 0.2), abs=1e-12)


def test_lift_is_positives_found_over_those_of_a_random_choice() -> None:
    y = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    score = np.linspace(1, 0, 10)
    assert ranking.lift(y, score, 0.2) == pytest.approx((2 / 3) / 0.2)
    assert ranking.lift(y, score, 1.0) == pytest.approx(1.0)


def test_lift_of_equal_scores_is_that_of_a_random_choice() -> None:
    assert ranking.lift(np.array([1, 0, 0, 1, 0]), np.full(5, 0.3), 0.1) == pytest.approx(1.0)


@pytest.mark.parametrize("measure", [ranking.roc_auc, ranking.ks])
def test_one_class_only_is_not_a_number(measure: object) -> None:
    assert np.isnan(measure(np.ones(4, int), np.linspace(0, 1, 4)))  # type: ignore[operator]
