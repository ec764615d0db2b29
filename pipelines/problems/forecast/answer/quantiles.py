"""Quantiles around a point forecast: conformal, from the errors on the valid steps.

Split conformal prediction with locally scaled errors (Lei et al., Distribution-Free Predictive Inference for
Regression, 2018): an error is counted in units of the series' own spread at the origin, per stretch of the
horizon; intermittent series have offsets of their own, their errors are of another shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import json_number
from pipelines.problems.forecast.core.lags import Array, Origin, absolute, relative, worked

Kinds = NDArray[np.int64]

INTERMITTENT = 0.5  # share of steps without a sale
STRETCHES = 4  # parts of the horizon, at most
LEAST_ERRORS = 200  # errors of a part


def learn(
    error: Array, series: Kinds, kind: Kinds, ahead: Array, horizon: int, levels: Sequence[float]
) -> dict[str, Any]:
    """How far off, per kind of series, part of the horizon and level.

    Args:
        error: demand minus forecast, relative, in units of the series' spread ``[n]``.
        series: place of each row's series ``[n]``.
        kind: :func:`kinds` of each row's series ``[n]``.
        ahead: steps ahead of the origin ``[n]``.
        horizon: steps.
        levels: of the quantiles, ascending.

    Returns:
        ``{"levels", "edges": last step of each part, "offsets": [kinds][parts][levels]}``.
    """
    parts = int(np.clip(len(error) // (2 * LEAST_ERRORS), 1, min(STRETCHES, horizon)))
    edges = [round(horizon * (part + 1) / parts) for part in range(parts)]
    offsets = []
    for one in (0, 1):
        own = kind == one if int((kind == one).sum()) >= LEAST_ERRORS else np.ones(len(error), dtype=bool)
        rows, low = [], 0
        for edge in edges:
            inside = own & (ahead > low) & (ahead <= edge)
            inside = inside if int(inside.sum()) >= LEAST_ERRORS // 4 else own
            rows.append([json_number(_corrected(error[inside], series[inside], level)) for level in levels])
            low = edge
        offsets.append(rows)
    return {"levels": list(levels), "edges": edges, "offsets": offsets}


def kinds(origin: Origin, series: Kinds) -> Kinds:
    """1 for rows of an intermittent series: no sale on half of the steps that make its level ``[n]``; else 0."""
    return (origin.means["zeros"][series] >= INTERMITTENT).astype(np.int64)


def _corrected(error: Array, series: Kinds, level: float) -> float:
    """The empirical quantile, pushed outwards by the finite-sample correction ``(n + 1) / n``; the steps of one series
    are not independent, so that ``n`` is :func:`effective` rows."""
    plain = float(np.quantile(error, level))
    n = effective((error > plain) if level >= 0.5 else (error < plain), series)
    return float(np.quantile(error, np.clip(0.5 + (level - 0.5) * (n + 1) / n, 0.0, 1.0)))


def effective(event: NDArray[np.bool_], series: Kinds) -> float:
    """How many independent rows say as much about the share of an event as these do.

    ``n / (1 + (m - 1) r)`` with ``m`` the rows of a series, weighed by themselves, and ``r`` the correlation of the
    event within series by analysis of variance (Kish, Survey Sampling, 1965). At least the number of series.
    """
    _, place, count = np.unique(series, return_inverse=True, return_counts=True)
    n, groups = len(event), len(count)
    if n <= groups or groups < 2:
        return float(n)
    share = np.bincount(place, event) / count
    between = float((count * (share - event.mean()) ** 2).sum()) / (groups - 1)
    within = float((count * share * (1.0 - share)).sum()) / (n - groups)
    usual = (n - float((count**2).sum()) / n) / (groups - 1)
    total = between + (usual - 1.0) * within
    r = np.clip((between - within) / total, 0.0, 1.0) if total > 0 else 0.0
    return float(max(groups, n / (1.0 + (float((count**2).sum()) / n - 1.0) * r)))


def spread_around(learned: Mapping[str, Any], origin: Origin, series: Kinds, point: Array, steps: Kinds) -> Array:
    """Quantiles ``[n, q]``, ascending and never below 0.

    Args:
        learned: from :func:`learn`.
        origin: what was known.
        series: place of each row's series ``[n]``.
        point: point forecasts ``[n]``, demand.
        steps: forecast steps ``[n]``.
    """
    edges = np.asarray(learned["edges"])
    part = np.minimum(np.searchsorted(edges, steps - origin.step, side="left"), len(edges) - 1)
    offsets = np.asarray(learned["offsets"], dtype=np.float64)[kinds(origin, series), part]
    level, spread, scale = origin.level[series][:, None], origin.spread[series][:, None], origin.scale
    found = absolute(relative(worked(point, scale)[:, None], level, scale) + spread * offsets, level, scale)
    return np.maximum.accumulate(found, axis=1)


def errors(origin: Origin, series: Kinds, y: Array, point: Array) -> Array:
    """Demand minus forecast in units of the series' spread ``[n]``."""
    level, scale = origin.level[series], origin.scale
    apart = relative(worked(y, scale), level, scale) - relative(worked(point, scale), level, scale)
    return apart / origin.spread[series]
