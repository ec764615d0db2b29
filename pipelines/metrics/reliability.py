"""How far stated probabilities are from what happened, in bins of equal mass.

Rows of equal probability share a bin, so row order never matters; a bin's border is put where the cumulated mass of
whole groups of equal probability, taken at their middle, crosses a multiple of 1/bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BINS = 15


@dataclass(frozen=True)
class Bins:
    """Sums of one weighting over the bins, lowest probability first; empty bins are left out.

    Attributes:
        weight: ``[k]`` rows.
        predicted: ``[k]`` sum of probabilities.
        observed: ``[k]`` sum of outcomes.
        noise: ``[k]`` sum of p(1-p): the variance of ``observed`` were the probabilities true.
    """

    weight: FloatArray
    predicted: FloatArray
    observed: FloatArray
    noise: FloatArray


class Reliability:
    """Rows sorted once by probability, then binned for any weights.

    Args:
        y: ``[n]`` outcomes 0/1.
        p: ``[n]`` probabilities.
        bins: number of equal-mass bins.
    """

    def __init__(self, y: NDArray[Any], p: NDArray[Any], bins: int = BINS) -> None:
        self.order = np.argsort(p, kind="stable")
        self.p = np.asarray(p, dtype=np.float64)[self.order]
        self.y = np.asarray(y, dtype=np.float64)[self.order]
        self.starts = np.flatnonzero(np.append(True, self.p[1:] != self.p[:-1])) if len(self.p) else np.empty(0, int)
        self.bins = bins

    def binned(self, weights: FloatArray | None = None) -> list[Bins]:
        """Bins for each row of weights ``[b, n]`` (default: one row of ones)."""
        w = np.ones((1, len(self.p))) if weights is None else weights[:, self.order]
        return [self._bin(row) for row in w]

    def _bin(self, w: FloatArray) -> Bins:
        ends = np.append(self.starts[1:], len(w))
        cumulated = np.append(0.0, np.cumsum(w))
        middle = (cumulated[self.starts] + cumulated[ends]) / 2.0
        borders = np.arange(1, self.bins) * (cumulated[-1] / self.bins)
        cuts = np.searchsorted(middle, borders)
        rows = np.append(self.starts, len(w))[np.unique(np.append(0, cuts))]
        rows = rows[rows < len(w)]
        mass = np.add.reduceat(w, rows)
        keep = mass > 0
        wp = w * self.p
        sums = [np.add.reduceat(part, rows)[keep] for part in (wp, w * self.y, wp * (1.0 - self.p))]
        return Bins(mass[keep], *sums)


def ece_of(bins: Bins) -> float:
    """Expected calibration error: mean over rows of |observed share - mean probability| of their bin."""
    return float(np.abs(bins.observed - bins.predicted).sum() / bins.weight.sum())


def debiased_square_of(bins: Bins) -> float:
    """Mean squared calibration gap with the bins' sampling noise taken out; may be negative.

    The plug-in square of a bin with m rows is too large by the variance of the observed share, estimated by
    q(1-q)/(m-1) (Kumar, Liang and Ma, Verified Uncertainty Calibration, 2019, section 5).
    """
    total = bins.weight.sum()
    share = bins.observed / bins.weight
    gap = share - bins.predicted / bins.weight
    noise = share * (1.0 - share) / np.maximum(bins.weight - 1.0, 1.0)
    return float((bins.weight * (gap * gap - noise)).sum() / total)


def noise_ece_of(bins: Bins) -> float:
    """The expected calibration error that a perfectly calibrated model shows on as many rows, by chance alone.

    A bin's gap is then close to normal with variance sum p(1-p) / m^2, whose mean size is sqrt(2/pi) deviations.
    """
    return float(np.sqrt(2.0 / np.pi) * np.sqrt(bins.noise).sum() / bins.weight.sum())


def ece(y: NDArray[Any], p: NDArray[Any], bins: int = BINS) -> float:
    """Expected calibration error of probabilities ``p`` ``[n]`` against outcomes ``y`` ``[n]``; equal-mass bins."""
    return ece_of(Reliability(y, p, bins).binned()[0])


def rms_calibration_error(y: NDArray[Any], p: NDArray[Any], bins: int = BINS) -> float:
    """Root of the debiased mean squared calibration gap, 0 when chance explains all of it."""
    return float(np.sqrt(max(0.0, debiased_square_of(Reliability(y, p, bins).binned()[0]))))
