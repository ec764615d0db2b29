"""Two models on the same rows, and on named groups of them: every difference from one pass over the same draws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics.intervals import Difference, percentile_interval
from pipelines.metrics.judges import LOWER_IS_BETTER, Judge
from pipelines.metrics.resampling import draws

FloatArray = NDArray[np.float64]
ALL = ""
"""The group of all rows."""

DETECTED = 0.8  # power at which a detectable gain is stated
Z_DETECTED = 0.8416  # its normal quantile


def differences(
    first: Judge,
    second: Judge,
    measure: str,
    groups: Mapping[str, NDArray[np.bool_]],
    resamples: int,
    confidence: float,
    seed: int = 0,
) -> dict[str, Difference]:
    """Paired bootstrap of one measure on all rows and on each group: rows outside a group get the weight 0.

    Args:
        first: the challenger on ``n`` rows.
        second: the champion on the same rows in the same order.
        measure: one that both judges know.
        groups: ``{name: mask [n]}``.
        resamples: bootstrap samples.
        confidence: of the two-sided percentile intervals.
        seed: of the draws.

    Returns:
        ``ALL`` first, then the groups; positive means that the first is better, NaN where a measure is not defined.

    Raises:
        ValueError: the judges hold different numbers of rows.
    """
    if first.n != second.n:
        raise ValueError(f"{first.n} and {second.n} rows cannot be paired")
    masks = {ALL: np.ones(first.n), **{name: mask.astype(np.float64) for name, mask in groups.items()}}
    point = {name: _apart(first, second, measure, mask[None, :])[0] for name, mask in masks.items()}
    drawn: dict[str, list[FloatArray]] = {name: [] for name in masks}
    for weights in draws(first.n, resamples, seed):
        for name, mask in masks.items():
            drawn[name].append(_apart(first, second, measure, weights * mask))
    return {name: _difference(float(point[name]), np.concatenate(drawn[name]), confidence) for name in masks}


def _apart(first: Judge, second: Judge, measure: str, weights: FloatArray) -> FloatArray:
    """First minus second ``[b]``, oriented; NaN where a draw holds no row of the group."""
    sign = -1.0 if measure in LOWER_IS_BETTER else 1.0
    held = weights.sum(axis=1) > 0
    apart = np.full(len(weights), np.nan)
    if held.any():
        kept = weights[held]
        with np.errstate(invalid="ignore", divide="ignore"):
            apart[held] = sign * (first.measure(kept)[measure] - second.measure(kept)[measure])
    return apart


def _difference(value: float, drawn: FloatArray, confidence: float) -> Difference:
    low, high = percentile_interval(drawn, confidence)
    defined = drawn[~np.isnan(drawn)]
    return Difference(value, low, high, float(np.mean(defined <= 0.0)) if defined.size else float("nan"))


def detectable(found: Difference, confidence: float) -> float:
    """The true gain that these rows would show beyond noise four times in five.

    ``(z_c + z_0.8) * se`` with the standard error read off the interval's width, ``z_c`` the normal quantile of
    ``confidence``, two-sided (e.g. Chow, Shao and Wang, Sample Size Calculations in Clinical Research, 2008, 1.2).
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    return float((z + Z_DETECTED) * (found.high - found.low) / (2.0 * z))
