"""Bootstrap intervals of measures, and of the difference between two models on the same rows.

Percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Calibration errors
are the exception: drawing rows twice adds noise to every bin, so their replicates lie too high; these are shifted
back by the surplus of their mean before the percentiles are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics.judges import CALIBRATION_ERRORS, LOWER_IS_BETTER, Judge
from pipelines.metrics.resampling import draws

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN where it is not defined on these rows."""

    value: float
    low: float
    high: float

    def reaches(self, limit: float) -> bool:
        """Whether ``limit`` lies inside the interval: the rows cannot tell on which side the truth is."""
        return self.low <= limit <= self.high


@dataclass(frozen=True)
class Difference:
    """First model minus second on one measure, oriented so that positive means that the first is better.

    Attributes:
        value: difference of the point estimates.
        low: lower end of the two-sided interval.
        high: upper end.
        chance: share of resamples in which the first is not better.
    """

    value: float
    low: float
    high: float
    chance: float

    def better(self, confidence: float) -> bool:
        """Better beyond noise: one-sided at ``confidence``."""
        return self.value > 0 and self.chance < 1.0 - confidence

    def not_worse(self, margin: float) -> bool:
        """Non-inferior: even the lower end loses less than ``margin``."""
        return self.low > -margin


def point(judge: Judge) -> dict[str, float]:
    """Each measure on the rows as they are."""
    values = judge.measure(np.ones((1, judge.n)))
    return {name: _shown(name, float(value[0])) for name, value in values.items()}


def replicates(
    judge: Judge, resamples: int = 1000, seed: int = 0, strata: NDArray[Any] | None = None
) -> dict[str, FloatArray]:
    """``{measure: float64 [resamples]}``. Judges of equal rows and seed see equal draws."""
    parts = [judge.measure(weights) for weights in draws(judge.n, resamples, seed, strata)]
    return {name: np.concatenate([part[name] for part in parts]) for name in judge.names}


def estimates(
    judge: Judge,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    strata: NDArray[Any] | None = None,
) -> dict[str, Estimate]:
    """Every measure of a judge with its interval at ``confidence``."""
    raw = {name: float(value[0]) for name, value in judge.measure(np.ones((1, judge.n))).items()}
    drawn = replicates(judge, resamples, seed, strata)
    return {name: _estimate(name, raw[name], drawn[name], confidence) for name in judge.names}


def _estimate(name: str, value: float, drawn: FloatArray, confidence: float) -> Estimate:
    if name == "rms_calibration_error":  # on the scale of squares, where its bias is additive
        value, drawn = np.sign(value) * value * value, np.sign(drawn) * drawn * drawn
    low, high = percentile_interval(drawn, confidence)
    if name in CALIBRATION_ERRORS:
        surplus = float(np.mean(drawn)) - value
        low, high = low - surplus, high - surplus
    if name == "rms_calibration_error":
        value, low, high = (float(np.sqrt(max(0.0, square))) for square in (value, low, high))
    return Estimate(_shown(name, value), _shown(name, low), _shown(name, high))


def _shown(name: str, value: float) -> float:
    return max(0.0, value) if name in CALIBRATION_ERRORS else value


def percentile_interval(drawn: FloatArray, confidence: float = 0.95) -> tuple[float, float]:
    """Lower and upper percentile of replicates ``[b]``, undefined ones left out; NaN when none is defined."""
    defined = drawn[~np.isnan(drawn)]
    if not defined.size:
        return float("nan"), float("nan")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)


def difference(
    first: Judge,
    second: Judge,
    measure: str,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    strata: NDArray[Any] | None = None,
) -> Difference:
    """Paired bootstrap of two models that were asked about the same rows in the same order.

    Raises:
        ValueError: the judges hold different numbers of rows.
    """
    if first.n != second.n:
        raise ValueError(f"{first.n} and {second.n} rows cannot be paired")
    sign = -1.0 if measure in LOWER_IS_BETTER else 1.0
    ones = np.ones((1, first.n))
    value = sign * float(first.measure(ones)[measure][0] - second.measure(ones)[measure][0])
    parts = []
    for weights in draws(first.n, resamples, seed, strata):
        parts.append(first.measure(weights)[measure] - second.measure(weights)[measure])
    drawn = sign * np.concatenate(parts)
    low, high = percentile_interval(drawn, confidence)
    defined = drawn[~np.isnan(drawn)]
    chance = float(np.mean(defined <= 0.0)) if defined.size else float("nan")
    return Difference(value, low, high, chance)
