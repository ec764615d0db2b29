from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics.intervals import point
from pipelines.metrics.judges import better, judge, names_of


def test_binary_measures_equal_scikit_learn(rng: np.random.Generator) -> None:
    p = rng.uniform(0.01, 0.99, 500)
    y = (rng.random(500) < p).astype(int)
    found = point(judge("binary", y, p))
    assert tuple(found) == names_of("binary")
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(y, p))
    assert found["brier"] == pytest.approx(reference.brier_score_loss(y, p))
    assert found["log_loss"] == pytest.approx(reference.log_loss(y, p))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(12, 80), st.integers(0, 2**32 - 1))
def test_multiclass_measures_equal_scikit_learn(k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(k), n)
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    found = point(judge("multiclass", y, p))
    top = p.argmax(axis=1)
    onehot = np.eye(k)[y]
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(y, top))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(y, top, average="macro", zero_division=0))
    assert found["log_loss"] == pytest.approx(reference.log_loss(y, p, labels=list(range(k))))
    assert found["brier"] == pytest.approx(((p - onehot) ** 2).sum(axis=1).mean())
    per_class = [reference.roc_auc_score(onehot[:, j], p[:, j]) for j in range(k)]
    assert found["roc_auc"] == pytest.approx(np.mean(per_class))


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 80), st.integers(0, 2**32 - 1), st.floats(-1e4, 1e4))
def test_regression_measures_equal_scikit_learn(n: int, seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(shift, 3.0, n)
    score = y + rng.normal(0, 1.0, n)
    found = point(judge("regression", y, score))
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(y, score))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(y, score))
    assert found["r2"] == pytest.approx(reference.r2_score(y, score), rel=1e-6)


def test_only_the_asked_measures_are_made(rng: np.random.Generator) -> None:
    y, p = rng.integers(0, 2, 50), rng.random(50)
    assert set(point(judge("binary", y, p, ["lift_25", "brier"]))) == {"lift_25", "brier"}


def test_certain_and_wrong_is_a_finite_loss() -> None:
    assert np.isfinite(point(judge("binary", np.array([1, 0]), np.array([0.0, 1.0])))["log_loss"])


def test_errors_are_better_when_smaller() -> None:
    assert better("roc_auc", 0.8, 0.7)
    assert better("brier", 0.1, 0.2)
    assert not better("rmse", 3.0, 2.0)
