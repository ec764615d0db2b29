"""Measures of forecasts: by hand, under weights, and over series rather than rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics.forecast import ForecastJudge, coverages, naive_scale, names_of, pinball
from pipelines.metrics.intervals import difference, estimates, point

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def test_measures_agree_with_their_definitions() -> None:
    series = np.array([0, 0, 1, 1])
    y, forecast = np.array([10.0, 20.0, 0.0, 4.0]), np.array([12.0, 16.0, 1.0, 4.0])
    found = point(ForecastJudge(series, y, forecast, np.array([2.0, 2.0, 0.5, 0.5])))
    assert found["rmspe"] == pytest.approx(np.sqrt((0.2**2 + 0.2**2 + 0.0) / 3))
    assert found["mase"] == pytest.approx((3.0 / 2.0 + 0.5 / 0.5) / 2)
    assert found["rmsse"] == pytest.approx((np.sqrt((4 + 16) / 2) / 2.0 + np.sqrt(1 / 2) / 0.5) / 2)
    assert found["wape"] == pytest.approx(7.0 / 34.0)
    assert found["mae"] == pytest.approx(7.0 / 4.0)
    assert found["rmse"] == pytest.approx(np.sqrt((4 + 16 + 1) / 4))
    assert found["bias"] == pytest.approx(-1.0 / 34.0)


def test_a_series_without_a_scale_is_left_out_of_mase() -> None:
    judge = ForecastJudge(np.array([0, 1]), np.array([1.0, 5.0]), np.array([2.0, 7.0]), np.array([np.nan, 4.0]))
    assert point(judge)["mase"] == pytest.approx(0.5)
    assert point(judge)["rmsse"] == pytest.approx(0.5)


def test_coverage_counts_the_share_between_mirrored_levels() -> None:
    assert coverages(LEVELS) == {"coverage_90": (0, 4), "coverage_50": (1, 3)}
    y = np.array([1.0, 2.0, 3.0, 4.0])
    quantiles = np.tile([1.5, 1.8, 2.0, 2.5, 3.5], (4, 1))
    found = point(ForecastJudge(np.arange(4), y, y, np.ones(4), quantiles, LEVELS))
    assert found["coverage_90"] == 0.5
    assert found["coverage_50"] == 0.25


def test_pinball_is_least_at_the_true_quantile() -> None:
    y = np.random.default_rng(0).gamma(2.0, 3.0, 4000)
    asked = [np.full((len(y), 1), np.quantile(y, level)) for level in (0.5, 0.65, 0.75, 0.85, 0.95)]
    losses = [pinball(y, quantile, [0.75]).mean() for quantile in asked]
    assert int(np.argmin(losses)) == 2


def test_naive_scale_skips_unknown_steps_and_constant_series() -> None:
    values = np.array([[1.0, 2.0, 4.0, np.nan, 8.0], [3.0, 3.0, 3.0, 3.0, 3.0], [np.nan] * 5])
    found = naive_scale(values, 2)
    assert found[0] == pytest.approx((3.0 + 4.0) / 2)
    assert np.isnan(found[1])
    assert np.isnan(found[2])
    assert np.isnan(naive_scale(values, 9)).all()


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_weight_of_two_is_the_series_twice(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    series = np.repeat(np.arange(count), 3)
    y, forecast = rng.gamma(2.0, 5.0, len(series)), rng.gamma(2.0, 5.0, len(series))
    scale = np.repeat(rng.uniform(1, 3, count), 3)
    quantiles = np.sort(rng.gamma(2.0, 5.0, (len(series), 5)), axis=1)
    weighted = ForecastJudge(series, y, forecast, scale, quantiles, LEVELS)
    weights = np.ones((1, count))
    weights[0, 0] = 2.0
    again = np.concatenate([np.arange(len(series)), np.arange(3)])
    renamed = np.concatenate([series, np.full(3, count)])
    doubled = ForecastJudge(renamed, y[again], forecast[again], scale[again], quantiles[again], LEVELS)
    assert weighted.names == names_of(LEVELS)
    found, wanted = weighted.measure(weights), point(doubled)
    for name in weighted.names:
        assert found[name][0] == pytest.approx(wanted[name]), name


def test_intervals_are_drawn_over_series() -> None:
    rng = np.random.default_rng(3)
    y = np.repeat(rng.gamma(4.0, 10.0, 20), 50)
    off = np.repeat(rng.normal(0, 0.3, 20), 50)
    series = np.repeat(np.arange(20), 50)
    judge = ForecastJudge(series, y, y * np.exp(off), np.ones(1000), names=["wape"])
    found = estimates(judge, 400)["wape"]
    alone = ForecastJudge(np.arange(1000), y, y * np.exp(off), np.ones(1000), names=["wape"])
    by_row = estimates(alone, 400)["wape"]
    assert judge.n == 20
    assert found.high - found.low > 3 * (by_row.high - by_row.low)
    worse = ForecastJudge(series, y, y * np.exp(2 * off), np.ones(1000), names=["wape"])
    assert difference(judge, worse, "wape", 200).better(0.95)


def test_only_groups_of_whole_series_become_groups_of_series() -> None:
    series = np.array([5, 5, 9, 9])
    judge = ForecastJudge(series, np.ones(4), np.ones(4), np.ones(4))
    masks = {"nine": series == 9, "first days": np.array([True, False, True, False])}
    assert {name: mask.tolist() for name, mask in judge.groups_over(masks).items()} == {"nine": [False, True]}
