"""Measures of forecasts, drawn again by series: the days of one series are not independent of each other.

RMSPE: root mean squared relative error over steps with demand. MASE (Hyndman and Koehler, Another look at measures of
forecast accuracy, 2006): a series' mean absolute error over that of the seasonal-naive forecast inside its history,
mean over series. RMSSE: likewise with the root of its mean squared error, which rewards the mean; MASE rewards the
median. WAPE: sum of absolute errors over the sum of demand. Pinball: mean quantile loss over all levels, relative to
mean demand. ``coverage_<p>``: share of demand between the two quantiles that enclose p percent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

POINT = ("rmspe", "mase", "rmsse", "wape", "rmse", "mae", "bias")
LOWER = ("rmspe", "mase", "rmsse", "wape", "rmse", "mae", "pinball")


def coverages(levels: Sequence[float]) -> dict[str, tuple[int, int]]:
    """``{coverage_<percent>: (place of the lower level, place of the upper)}`` of levels that mirror each other."""
    found = {}
    for low, level in enumerate(levels):
        high = len(levels) - 1 - low
        if low < high and abs(level + levels[high] - 1.0) < 1e-9:
            found[f"coverage_{round(100 * (levels[high] - level))}"] = (low, high)
    return found


def names_of(levels: Sequence[float]) -> tuple[str, ...]:
    """All measures of a forecast that answers these quantile levels."""
    return (*POINT, "pinball", *coverages(levels))


def naive_scale(values: FloatArray, season: int) -> FloatArray:
    """Mean absolute seasonal difference of each series, the denominator of MASE ``[S]``; NaN where there is none, or 0.

    Args:
        values: histories ``[S, T]``, NaN where unknown.
        season: steps.
    """
    change = np.abs(values[:, season:] - values[:, :-season]) if values.shape[1] > season else values[:, :0]
    known = ~np.isnan(change)
    count = known.sum(axis=1)
    total = np.where(known, change, 0.0).sum(axis=1)
    return np.where((count > 0) & (total > 0), total / np.maximum(count, 1), np.nan).astype(np.float64)


class ForecastJudge:
    """Measures of ``n`` series; see :class:`pipelines.metrics.judges.Judge`: a weight is of a series, not of a row.

    Args:
        series: which series each of ``m`` rows belongs to; any integers.
        y: demand ``[m]``.
        point: point forecasts ``[m]``.
        scale: :func:`naive_scale` of each row's series ``[m]``.
        quantiles: forecasts ``[m, q]``, or None where there are none.
        levels: of the quantiles.
        names: which measures; all by default.
    """

    def __init__(
        self,
        series: Rows,
        y: FloatArray,
        point: FloatArray,
        scale: FloatArray,
        quantiles: FloatArray | None = None,
        levels: Sequence[float] = (),
        names: Sequence[str] | None = None,
    ) -> None:
        known = names_of(levels) if quantiles is not None else POINT
        self.names = tuple(names) if names is not None else known
        unique, place, count = np.unique(series, return_inverse=True, return_counts=True)
        self.n = len(unique)
        self._place, self._rows = place, count
        error = np.asarray(point, dtype=np.float64) - np.asarray(y, dtype=np.float64)
        sold = y > 0
        share = np.where(sold, error / np.where(sold, y, 1.0), 0.0)
        first = np.zeros(self.n, dtype=np.int64)
        first[place] = np.arange(len(y))
        own = scale[first]
        rows = {
            "rows": np.ones(len(y)),
            "sold": sold.astype(np.float64),
            "demand": np.asarray(y, dtype=np.float64),
            "square_share": share**2,
            "square": error**2,
            "absolute": np.abs(error),
            "signed": error,
        }
        if quantiles is not None:
            rows["pinball"] = pinball(y, quantiles, levels).mean(axis=1)
            for name, (low, high) in coverages(levels).items():
                rows[name] = ((y >= quantiles[:, low]) & (y <= quantiles[:, high])).astype(np.float64)
        self._sums = {name: np.bincount(place, values, minlength=self.n) for name, values in rows.items()}
        scaled = self._sums["absolute"] / count / own
        self._sums["scaled"] = np.nan_to_num(scaled)
        self._sums["scaled_root"] = np.nan_to_num(np.sqrt(self._sums["square"] / count) / own)
        self._sums["scalable"] = (~np.isnan(scaled)).astype(np.float64)

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`pipelines.metrics.judges.Judge.measure`; weights ``[b, n]`` of series."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return {name: self._measure(name, weights) for name in self.names}

    def groups_over(self, masks: Mapping[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
        """Groups of rows ``[m]`` as groups of series ``[n]``; those that part a series are left out."""
        shares = {name: np.bincount(self._place, mask, minlength=self.n) / self._rows for name, mask in masks.items()}
        return {name: share == 1.0 for name, share in shares.items() if np.isin(share, (0.0, 1.0)).all()}

    def _measure(self, name: str, weights: FloatArray) -> FloatArray:
        def total(key: str) -> FloatArray:
            return np.asarray(weights @ self._sums[key], dtype=np.float64)

        match name:
            case "rmspe":
                return np.sqrt(total("square_share") / total("sold"))
            case "mase":
                return total("scaled") / total("scalable")
            case "rmsse":
                return total("scaled_root") / total("scalable")
            case "wape":
                return total("absolute") / total("demand")
            case "bias":
                return total("signed") / total("demand")
            case "pinball":
                return total("pinball") / total("demand")
            case "rmse":
                return np.sqrt(total("square") / total("rows"))
            case "mae":
                return total("absolute") / total("rows")
        return total(name) / total("rows")


def pinball(y: FloatArray, quantiles: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Quantile loss (Koenker and Bassett, Regression Quantiles, 1978) of each row and level ``[m, q]``."""
    over = y[:, None] - quantiles
    level = np.asarray(levels)[None, :]
    return np.maximum(level * over, (level - 1.0) * over)
