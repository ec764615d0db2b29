"""The calibration of the most probable class alone: it keeps the answer, and finds a distortion again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.metrics.calibration import apply, softmax
from pipelines.metrics.calibrators import choose, fit_top_label
from pipelines.metrics.reliability import ece


@given(st.integers(0, 500), st.integers(2, 6), st.floats(0.05, 3.0), st.floats(-3.0, 3.0))
def test_it_gives_probabilities_and_never_another_answer(seed: int, classes: int, a: float, b: float) -> None:
    p = softmax(np.random.default_rng(seed).normal(0.0, 4.0, (30, classes)))
    told = apply({"method": "top_label", "a": a, "b": b}, p)
    assert np.allclose(told.sum(axis=1), 1.0)
    assert (told >= 0.0).all()
    rows = np.arange(len(p))
    assert (told[rows, p.argmax(axis=1)] >= told.max(axis=1) - 1e-12).all()


def test_too_sure_at_the_top_and_not_sure_enough_below_is_mended() -> None:
    rng = np.random.default_rng(0)
    p = softmax(rng.normal(0.0, 3.0, (6000, 5)))
    top = p.argmax(axis=1)
    true = apply({"method": "top_label", "a": 0.5, "b": 0.2}, p)
    y = np.array([rng.choice(5, p=row) for row in true])
    found, losses = choose(y, p)
    assert found["method"] == "top_label"
    assert losses["top_label"] < losses["temperature"]
    right = (top == y).astype(np.int64)
    assert ece(right, apply(fit_top_label(y, p), p).max(axis=1)) < 0.5 * ece(right, p.max(axis=1))
