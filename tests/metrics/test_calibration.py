from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from pipelines.metrics import calibration
from pipelines.metrics.calibrators import choose, fit_isotonic, fit_platt, fit_temperature
from pipelines.metrics.judges import log_losses


def skewed(rng: np.random.Generator, n: int, slope: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes of probability ``sigmoid(slope x + shift)``, stated as ``sigmoid(x)``."""
    x = rng.normal(-0.5, 1.5, n)
    return (rng.random(n) < calibration.sigmoid(slope * x + shift)).astype(int), calibration.sigmoid(x)


@settings(deadline=None)
@given(st.floats(0.0, 1.0))
def test_logit_and_sigmoid_are_inverse_and_finite(p: float) -> None:
    assert np.isfinite(calibration.logit(np.array([p]))[0])
    assert calibration.sigmoid(calibration.logit(np.array([p])))[0] == pytest.approx(p, abs=2e-7)


def test_platt_finds_the_distortion_and_agrees_with_logistic_regression(rng: np.random.Generator) -> None:
    y, p = skewed(rng, 20_000, 0.6, -0.4)
    found = fit_platt(y, p)
    assert (found["a"], found["b"]) == (pytest.approx(0.6, abs=0.04), pytest.approx(-0.4, abs=0.05))
    other = LogisticRegression(C=np.inf).fit(calibration.logit(p)[:, None], y)
    assert found["a"] == pytest.approx(other.coef_[0, 0], abs=2e-3)
    assert found["b"] == pytest.approx(other.intercept_[0], abs=2e-3)


def test_platt_stays_finite_when_scores_part_the_classes() -> None:
    found = fit_platt(np.array([0] * 10 + [1] * 10), np.linspace(0.01, 0.99, 20))
    assert np.isfinite([found["a"], found["b"]]).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(5, 200), st.integers(0, 2**32 - 1), st.sampled_from([5, 1000]))
def test_isotonic_knots_answer_like_scikit_learn(n: int, seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.integers(0, levels, n) / levels
    y = (rng.random(n) < p).astype(int)
    found = fit_isotonic(y, p)
    assert len(found["x"]) == len(found["y"])
    grid = np.concatenate([p, np.linspace(-0.1, 1.1, 101)])
    other = IsotonicRegression(out_of_bounds="clip").fit(p, y).predict(grid)
    edge = 0.5 / (n + 1)
    assert calibration.apply(found, grid) == pytest.approx(np.clip(other, edge, 1 - edge), abs=edge)
    assert (np.diff(found["y"]) >= 0).all()


def test_a_temperature_undoes_overconfidence(rng: np.random.Generator) -> None:
    logits = rng.normal(0, 1.2, (20_000, 4))
    y = (calibration.softmax(logits).cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    found = fit_temperature(y, calibration.softmax(2.0 * logits))
    assert found["t"] == pytest.approx(2.0, abs=0.08)
    mended = calibration.apply(found, calibration.softmax(2.0 * logits))
    assert mended.sum(axis=1) == pytest.approx(1.0)


def test_auto_hardly_touches_true_probabilities(rng: np.random.Generator) -> None:
    chosen = []
    for _ in range(40):
        y, p = skewed(rng, 3000, 1.0, 0.0)
        found = choose(y, p)[0]
        chosen.append(found["method"])
        assert np.abs(calibration.apply(found, p) - p).mean() < 0.04
    assert chosen.count("none") >= 20
    assert "isotonic" not in chosen


def test_auto_takes_platt_for_a_stretched_scale(rng: np.random.Generator) -> None:
    y, p = skewed(rng, 5000, 0.5, -0.5)
    found, losses = choose(y, p)
    assert found["method"] == "platt"
    assert losses["platt"] < losses["none"]


def test_auto_takes_isotonic_only_for_a_shape_that_platt_cannot_bend(rng: np.random.Generator) -> None:
    p = rng.random(8000)
    y = (rng.random(8000) < np.where(p < 0.5, 0.1, 0.8)).astype(int)
    found, losses = choose(y, p)
    assert found["method"] == "isotonic"
    assert losses["isotonic"] < losses["platt"] < losses["none"]


def test_isotonic_is_not_tried_on_few_rows(rng: np.random.Generator) -> None:
    p = rng.random(400)
    y = (rng.random(400) < np.where(p < 0.5, 0.1, 0.8)).astype(int)
    assert "isotonic" not in choose(y, p)[1]


@pytest.mark.parametrize("method", ["auto", "none", "platt", "isotonic"])
def test_a_calibration_survives_json_and_lowers_or_keeps_the_loss(rng: np.random.Generator, method: str) -> None:
    y, p = skewed(rng, 3000, 0.7, 0.3)
    found = choose(y, p, method)[0]
    assert json.loads(json.dumps(found)) == found
    after = calibration.apply(found, p)
    assert ((after > 0) & (after < 1)).all()
    assert log_losses(y, after).mean() <= log_losses(y, p).mean() + 1e-12


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="beta"):
        calibration.apply({"method": "beta"}, np.array([0.5]))
