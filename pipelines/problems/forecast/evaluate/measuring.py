"""Measures of forecasts on prepare's rows: of a side, of named groups, of every step ahead."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError
from pipelines.files import json_number
from pipelines.metrics.forecast import ForecastJudge, naive_scale, names_of
from pipelines.metrics.intervals import Estimate, estimates
from pipelines.metrics.slices import groups_of
from pipelines.problems.common.slicing import numbers
from pipelines.problems.forecast.core.lags import Array
from pipelines.problems.forecast.core.prepared import Prepared

Rows = NDArray[np.int64]

GROUP_SERIES = 2  # series that a group must hold to be measured
GROUP_METRICS = ("mae", "rmse", "wape", "rmspe")
AHEAD_PARTS = 4  # parts of the horizon that are shown apart


def require_known_metrics(product: Product, levels: Sequence[float]) -> None:
    """Every metric that the product's block names must exist.

    Raises:
        ConfigError: names the key, the metric, and what is allowed.
    """
    allowed = names_of(levels)
    named = [("evaluate.metric", product.evaluate.metric)]
    named += [("requirements.floors", name) for name in product.requirements.floors]
    named += [("requirements.ceilings", name) for name in product.requirements.ceilings]
    for key, name in named:
        if name not in allowed:
            raise ConfigError(
                f"no metric {name!r} for a forecast",
                where={"key": key},
                next_step=f"choose one of: {', '.join(allowed)}",
            )


def scales(prepared: Prepared, side: str) -> Array:
    """The denominator of MASE for every series ``[S]``: seasonal changes before the side's origin."""
    past = prepared.history.cut(prepared.history.start, prepared.origin_of(side) + 1)
    return naive_scale(past.values.astype(np.float64), prepared.spec.rhythm.season)


def judge_of(
    prepared: Prepared,
    rows: Rows,
    point: Array,
    scale: Array,
    quantiles: Array | None = None,
    names: Sequence[str] | None = None,
) -> ForecastJudge:
    """A judge of these rows; ``scale`` is :func:`scales`."""
    series = prepared.series[rows]
    levels = prepared.spec.quantiles
    return ForecastJudge(series, prepared.y[rows], point, scale[series], quantiles, levels, names)


def measure(product: Product, judge: ForecastJudge) -> dict[str, Estimate]:
    """Every measure with its interval, drawn again by series."""
    return estimates(judge, product.evaluate.resamples, product.evaluate.confidence)


def measure_slices(
    product: Product, prepared: Prepared, rows: Rows, point: Array, quantiles: Array, scale: Array
) -> list[dict[str, Any]]:
    """One entry per column of ``evaluate.slices``, and one for the parts of the horizon.

    Raises:
        ConfigError: a column is not in the data.
    """
    frame = prepared.frame.iloc[rows]
    parts = []
    for column, edges in product.evaluate.slices.items():
        if column not in frame:
            raise ConfigError(
                f"slice column {column!r} is not in the data",
                where={"key": "evaluate.slices"},
                next_step=f"choose among: {', '.join(name for name in map(str, frame.columns) if name[0] != '_')}",
            )
        parts.append((column, tuple(edges), groups_of(frame[column].to_numpy(dtype=object), edges)))
    ahead = prepared.steps[rows] - prepared.origin_of("test")
    horizon = prepared.spec.horizon
    count = min(AHEAD_PARTS, horizon)
    bounds = [round(horizon * part / count) for part in range(count + 1)]
    pieces = {f"{low + 1} to {high}": (ahead > low) & (ahead <= high) for low, high in itertools.pairwise(bounds)}
    parts.append(("steps ahead", (), pieces))
    least = product.requirements.fairness.min_group_rows

    def group(name: str, mask: NDArray[np.bool_]) -> dict[str, Any]:
        inside = np.flatnonzero(mask)
        found: dict[str, Any] = {"name": name, "rows": len(inside), "judged": len(inside) >= least, "metrics": {}}
        if len(np.unique(prepared.series[rows[inside]])) >= GROUP_SERIES:
            names = [*GROUP_METRICS, *(n for n in names_of(prepared.spec.quantiles) if n.startswith("coverage"))]
            judge = judge_of(prepared, rows[inside], point[inside], scale, quantiles[inside], names)
            found["metrics"] = numbers(measure(product, judge))
        return found

    return [
        {
            "column": column,
            "edges": list(edges),
            "protected": column in product.requirements.protected,
            "min_group_rows": least,
            "groups": [group(name, mask) for name, mask in masks.items()],
        }
        for column, edges, masks in parts
    ]


def by_step_ahead(prepared: Prepared, rows: Rows, point: Array) -> list[dict[str, Any]]:
    """WAPE for every step ahead, as points for ``dvc plots``."""
    ahead = prepared.steps[rows] - prepared.origin_of("test")
    y = prepared.y[rows]
    points = []
    for step in range(1, prepared.spec.horizon + 1):
        inside = ahead == step
        total = float(y[inside].sum())
        if total > 0:
            points.append({"at": step, "wape": json_number(float(np.abs(point - y)[inside].sum()) / total, 6)})
    return points


def reliability(y: Array, quantiles: Array, levels: Sequence[float]) -> list[dict[str, Any]]:
    """Share of demand at or below each quantile, against its level."""
    shares = (y[:, None] <= quantiles).mean(axis=0)
    return [
        {"at": level, "observed": json_number(share, 6)} for level, share in zip(levels, shares.tolist(), strict=True)
    ]


def as_points(metrics: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates as JSON."""
    return numbers(metrics)
