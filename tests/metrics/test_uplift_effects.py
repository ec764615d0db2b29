"""Doubly robust scores and the best linear predictor, on worlds whose effects are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines.metrics.uplift_effects import Line, robust_scores


def world(n: int, seed: int = 0, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, arm, a score with ``effect = 0.05 + slope * (score - 0.05)``, and wrong outcome means."""
    rng = np.random.default_rng(seed)
    s = rng.normal(0.05, 0.05, n)
    arm = (rng.random(n) < 0.3).astype(np.int64)
    chance = 0.3 + (arm == 1) * (0.05 + slope * (s - 0.05))
    y = (rng.random(n) < chance).astype(np.int64)
    means = np.stack([np.full(n, 0.2), np.full(n, 0.5)], axis=1)
    return y, arm, s, means


def test_scores_have_the_effect_as_mean_though_the_outcome_models_are_wrong() -> None:
    y, arm, _, means = world(200_000)
    scores = robust_scores(y, arm, means, np.array([0.7, 0.3]))
    assert scores.shape == (200_000, 1)
    assert scores.mean() == pytest.approx(0.05, abs=4 * scores.std() / np.sqrt(200_000))


def test_the_line_finds_intercept_and_slope_and_its_errors_cover() -> None:
    hits = 0
    for seed in range(40):
        y, arm, s, means = world(8_000, seed)
        line = Line.fit(robust_scores(y, arm, means, np.array([0.7, 0.3]))[:, 0], s)
        _, low, high = line.interval("slope", 0.9)
        hits += low <= 1.0 <= high
    assert 29 <= hits <= 40  # 36 expected at 90%, three standard errors


def test_a_score_that_tells_nothing_has_a_slope_of_noise_and_is_shrunk() -> None:
    y, arm, _, means = world(20_000, 3)
    chance = np.random.default_rng(9).normal(0.0, 0.05, 20_000)
    line = Line.fit(robust_scores(y, arm, means, np.array([0.7, 0.3]))[:, 0], chance)
    value, low, high = line.interval("slope", 0.999)
    assert low < 0.0 < high
    assert 0.0 <= line.trusted().slope <= 1.0
    assert value == line.slope


def test_sum_error_is_that_of_the_sum() -> None:
    y, arm, s, means = world(5_000, 1)
    line = Line.fit(robust_scores(y, arm, means, np.array([0.7, 0.3]))[:, 0], s)
    assert line.sum_error(s[:1]) == pytest.approx(float(line.errors(s[:1])[0]))
    same = np.full(10, s[0])
    assert line.sum_error(same) == pytest.approx(10 * float(line.errors(same[:1])[0]))
    assert line.sum_error(s) <= float(line.errors(s).sum()) + 1e-12


def test_a_constant_score_is_the_average_effect() -> None:
    y, arm, s, means = world(5_000, 2)
    scores = robust_scores(y, arm, means, np.array([0.7, 0.3]))[:, 0]
    line = Line.fit(scores, np.full_like(s, 0.3))
    assert line.apply(np.array([0.3, 9.0])) == pytest.approx([scores.mean()] * 2)


def test_json_gives_the_line_back() -> None:
    y, arm, s, means = world(2_000, 4)
    line = Line.fit(robust_scores(y, arm, means, np.array([0.7, 0.3]))[:, 0], s)
    assert Line.from_json(json.loads(json.dumps(line.to_json()))) == line
