"""Forecasts of single series from their own past."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import ConfigError
from pipelines.models.statistical import METHODS, forecast

WEEK = np.array([5.0, 8.0, 9.0, 7.0, 12.0, 20.0, 2.0])


def weekly(weeks: int = 20, noise: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.tile(WEEK, weeks)[None, :] + rng.normal(0, noise, (3, 7 * weeks))


@pytest.mark.parametrize("method", METHODS)
def test_a_plain_week_is_continued(method: str) -> None:
    values = weekly()
    found = forecast(values[:, :-3], 7, 14, {"method": method})
    assert found.shape == (3, 14)
    wanted = np.tile(np.roll(WEEK, 3), 2)
    assert np.abs(found - wanted).max() < 2.5


@pytest.mark.parametrize("method", METHODS)
def test_unknown_days_do_not_break_it_and_an_empty_series_has_no_forecast(method: str) -> None:
    values = weekly()
    values[0, ::9] = np.nan
    values[1, 6::7] = np.nan  # closed on the last day of every week
    values[2, :] = np.nan
    found = forecast(values, 7, 7, {"method": method})
    assert np.isfinite(found[:2]).all()
    assert np.isnan(found[2]).all()
    assert np.abs(found[0] - WEEK).max() < 3.0


@pytest.mark.parametrize("method", METHODS)
def test_demand_is_never_below_zero(method: str) -> None:
    falling = np.maximum(np.linspace(40, 0, 70)[None, :] + np.random.default_rng(1).normal(0, 2, (1, 70)), 0)
    assert (forecast(falling, 7, 28, {"method": method}) >= 0).all()


def test_a_short_or_constant_series_gets_the_naive_forecast() -> None:
    short = np.array([[3.0, 4.0, 5.0]])
    constant = np.full((1, 60), 6.0)
    assert forecast(constant, 7, 3, {"method": "theta"}).tolist() == [[6.0, 6.0, 6.0]]
    found = forecast(short, 7, 10, {"method": "ets"})
    assert found[0, 4:7].tolist() == [3.0, 4.0, 5.0]
    assert found[0, 0] == pytest.approx(4.0)


@pytest.mark.parametrize("params", [{"methods": "theta"}, {"method": "arima"}, {"seasons": 1}])
def test_unknown_settings_are_an_error(params: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        forecast(weekly(), 7, 7, params)
