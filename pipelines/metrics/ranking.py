"""Measures of how well a score ranks positives above negatives; ties count half, row order never matters.

Every measure takes row weights ``[b, n]`` so that a point estimate (weights of one) and a bootstrap (draw counts)
are the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Rows of a binary problem from the highest score to the lowest.

    Attributes:
        order: ``[n]`` row numbers, descending score.
        positive: float64 ``[n]``, 1 for a positive, in that order.
        ends: ``[g]`` last position of each group of equal scores.
    """

    order: NDArray[np.intp]
    positive: FloatArray
    ends: NDArray[np.intp]


def rank(y: NDArray[Any], score: NDArray[Any]) -> Ranking:
    """Sort once. ``y`` ``[n]`` is 0/1, ``score`` ``[n]`` finite, higher for positives."""
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    return Ranking(order, y[order].astype(np.float64), ends)


@dataclass(frozen=True)
class Curve:
    """Cumulated weights from the highest score down to each distinct score.

    Attributes:
        hits: ``[b, g]`` weight of positives at or above.
        passed: ``[b, g]`` weight of all rows at or above.
    """

    hits: FloatArray
    passed: FloatArray

    @property
    def false(self) -> FloatArray:
        return self.passed - self.hits


def curve(ranking: Ranking, weights: FloatArray | None = None) -> Curve:
    """The cumulated curve for weights ``[b, n]`` (default: one row of ones)."""
    n = len(ranking.order)
    sorted_weights = np.ones((1, n)) if weights is None else weights[:, ranking.order]
    hits = np.cumsum(sorted_weights * ranking.positive, axis=1)
    passed = np.cumsum(sorted_weights, axis=1)
    if len(ranking.ends) == n:
        return Curve(hits, passed)
    return Curve(hits[:, ranking.ends], passed[:, ranking.ends])


def auc_of(line: Curve) -> FloatArray:
    """Area under the ROC curve ``[b]`` by the trapezoid rule: the Mann-Whitney statistic with ties as halves."""
    false = line.false
    steps = np.diff(false, axis=1, prepend=0.0)
    before = np.concatenate([np.zeros((len(false), 1)), line.hits[:, :-1]], axis=1)
    area = np.einsum("bg,bg->b", steps, before + line.hits) / 2.0
    return _share(area, line.hits[:, -1] * false[:, -1])


def average_precision_of(line: Curve) -> FloatArray:
    """Average precision ``[b]``: sum over thresholds of the gain in recall times the precision there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(line.passed > 0, line.hits / line.passed, 0.0)
    gains = np.diff(line.hits, axis=1, prepend=0.0)
    return _share(np.einsum("bg,bg->b", gains, precision), line.hits[:, -1])


def ks_of(line: Curve) -> FloatArray:
    """Kolmogorov-Smirnov distance ``[b]`` between the scores of positives and negatives."""
    false = line.false
    positives, negatives = line.hits[:, -1:], false[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.abs(line.hits / positives - false / negatives)
    return np.asarray(np.max(gap, axis=1))


def lift_of(line: Curve, share: float) -> FloatArray:
    """Lift ``[b]``: positives among the highest ``share`` of rows, times what a random choice finds.

    A group of equal scores that the border cuts counts in proportion, as random order within it would on average.
    """
    total, positives = line.passed[:, -1], line.hits[:, -1]
    found = np.empty(len(total))
    for i, (passed, hits) in enumerate(zip(line.passed, line.hits, strict=True)):
        target = share * total[i]
        at = int(np.searchsorted(passed, target))
        below, hits_below = (passed[at - 1], hits[at - 1]) if at else (0.0, 0.0)
        width = passed[at] - below
        found[i] = hits_below + (hits[at] - hits_below) * ((target - below) / width if width > 0 else 0.0)
    return _share(found, positives * share)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def roc_auc(y: NDArray[Any], score: NDArray[Any]) -> float:
    """Area under the ROC curve; NaN when one class is missing."""
    return float(auc_of(curve(rank(y, score)))[0])


def average_precision(y: NDArray[Any], score: NDArray[Any]) -> float:
    """Average precision; NaN without positives."""
    return float(average_precision_of(curve(rank(y, score)))[0])


def ks(y: NDArray[Any], score: NDArray[Any]) -> float:
    """Kolmogorov-Smirnov distance between positives' and negatives' scores; NaN when one class is missing."""
    return float(ks_of(curve(rank(y, score)))[0])


def lift(y: NDArray[Any], score: NDArray[Any], share: float = 0.1) -> float:
    """Lift in the highest ``share`` of rows; 1 is a random choice, NaN without positives."""
    return float(lift_of(curve(rank(y, score)), share)[0])
