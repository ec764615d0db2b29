"""Forecasts of single series from their own past: the baselines that every global model has to beat."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

METHODS = ("seasonal_naive", "theta", "ets")
DEFAULTS: Mapping[str, Any] = {"method": "seasonal_naive", "seasons": 60}
LEAST_SEASONS = 2  # of history that a seasonal model needs; shorter series get their mean


def forecast(
    values: Array, season: int, horizon: int, params: Mapping[str, Any], progress: Progress | None = None
) -> Array:
    """Forecasts of the ``horizon`` steps after the last one, ``[S, horizon]``; NaN for a series without a value.

    * ``seasonal_naive``: the latest known value of the same place in the season.
    * ``theta``: Assimakopoulos and Nikolopoulos, The theta model (2000), as statsmodels fits it.
    * ``ets``: exponential smoothing with additive season and error (Hyndman et al., Forecasting with Exponential
      Smoothing, 2008), as statsmodels fits it.

    Args:
        values: histories ``[S, T]``, NaN where unknown.
        season: steps.
        horizon: steps.
        params: over :data:`DEFAULTS`: ``method``, ``seasons`` of history that are read.
        progress: told of every hundredth series.

    Raises:
        ConfigError: another parameter or method.
    """
    chosen = resolved(params)
    values = values[:, -season * chosen["seasons"] :].astype(np.float64)
    naive = _seasonal_naive(values, season, horizon)
    if chosen["method"] == "seasonal_naive":
        return naive
    found = naive.copy()
    filled = _filled(values, season)
    fit = _theta if chosen["method"] == "theta" else _ets
    from threadpoolctl import threadpool_limits

    # Every fit is tiny: threads would wait for each other longer than they work.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        for place, series in enumerate(filled):
            if progress is not None and place % 100 == 0:
                progress(chosen["method"], place, len(filled))
            known = series[~np.isnan(series)]
            if len(known) >= LEAST_SEASONS * season + 1 and np.ptp(known) > 0:
                answer = fit(known, season, horizon)
                found[place] = answer if np.isfinite(answer).all() else naive[place]
    return np.maximum(found, 0.0)


def resolved(params: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` over the defaults.

    Raises:
        ConfigError: an unknown name, method or number.
    """
    chosen = {**DEFAULTS, **params}
    unknown = sorted(set(params) - set(DEFAULTS))
    whole = isinstance(chosen["seasons"], int) and chosen["seasons"] >= LEAST_SEASONS
    if unknown or chosen["method"] not in METHODS or not whole:
        raise ConfigError(
            f"a statistical model has no hyper-parameter {unknown[0]!r}" if unknown else f"not usable: {chosen}",
            where={"key": "candidates.*.params"},
            next_step=f"method is one of {', '.join(METHODS)}; seasons a whole number from {LEAST_SEASONS} on",
        )
    return chosen


def _seasonal_naive(values: Array, season: int, horizon: int) -> Array:
    """The latest known value of each place in the season; where a place has none, the mean of the last season known."""
    count, length = values.shape
    latest = np.full((count, season), np.nan)
    for back in range(min(length, season * 52), 0, -1):
        column = values[:, length - back]
        place = (length - back) % season
        latest[:, place] = np.where(np.isnan(column), latest[:, place], column)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.nanmean(latest, axis=1, keepdims=True)
    latest = np.where(np.isnan(latest), mean, latest)
    return latest[:, (length + np.arange(horizon)) % season]


def _filled(values: Array, season: int) -> Array:
    """Unknown steps inside a series take the mean of their place in the season, or of the series; NaN before the first.

    Smoothing needs a value at every step: a closed day is filled with what is usual there.
    """
    found = values.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        whole = np.nanmean(values, axis=1)
        for place in range(season):
            part = found[:, place::season]
            mean = np.nanmean(part, axis=1)
            mean = np.asarray(np.where(np.isnan(mean), whole, mean), dtype=np.float64)
            found[:, place::season] = np.where(np.isnan(part), mean[:, None], part)
    started = np.cumsum(~np.isnan(values), axis=1) > 0
    return np.where(started, found, np.nan)


def _theta(series: Array, season: int, horizon: int) -> Array:
    from statsmodels.tsa.forecasting.theta import ThetaModel

    try:
        model = ThetaModel(series, period=season, deseasonalize=True, use_test=False, method="additive")
        return np.asarray(model.fit().forecast(horizon), dtype=np.float64)
    except (ValueError, np.linalg.LinAlgError):
        return np.full(horizon, np.nan)


def _ets(series: Array, season: int, horizon: int) -> Array:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    try:
        model = ExponentialSmoothing(series, seasonal="add", seasonal_periods=season, initialization_method="heuristic")
        return np.asarray(model.fit().forecast(horizon), dtype=np.float64)
    except (ValueError, np.linalg.LinAlgError):
        return np.full(horizon, np.nan)
