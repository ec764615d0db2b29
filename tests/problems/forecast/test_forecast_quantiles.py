"""Quantiles from the errors of the valid steps: how many rows count, and what that makes of their offsets."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.problems.forecast.answer.quantiles import effective, learn


def test_rows_of_one_series_that_say_the_same_count_once() -> None:
    series = np.repeat(np.arange(40), 10)
    rng = np.random.default_rng(0)
    same = np.repeat(rng.random(40) < 0.3, 10)
    alone = rng.random(400) < 0.3
    assert effective(same, series) == pytest.approx(40)
    assert effective(alone, series) > 250
    assert effective(alone[:40], np.arange(40)) == 40


def test_clustered_errors_are_pushed_further_out_than_independent_ones() -> None:
    rng = np.random.default_rng(1)
    series, ahead = np.repeat(np.arange(30), 20), np.tile(np.arange(1.0, 21.0), 30)
    kind = np.zeros(600, dtype=np.int64)
    free = rng.normal(size=600)
    clustered = np.repeat(rng.normal(size=30), 20) + 0.01 * free
    for errors, least in ((free, 0.0), (clustered, 0.02)):
        learned = learn(errors, series, kind, ahead, 20, (0.05, 0.95))
        low, high = learned["offsets"][0][0]
        inside = errors[ahead <= learned["edges"][0]]
        assert ((inside >= low) & (inside <= high)).mean() >= 0.9 + least
