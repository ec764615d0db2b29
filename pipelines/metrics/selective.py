"""Answering only where sure: a threshold on the confidence with a bound on the errors among the answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Selective:
    """A threshold and what it gave on the rows that it was chosen on.

    Attributes:
        threshold: answers from this confidence on are sure; above 1 where no threshold holds the bound.
        coverage: share of rows answered.
        risk: share of errors among them.
        bound: upper bound of that risk.
    """

    threshold: float
    coverage: float
    risk: float
    bound: float


def choose_threshold(confidence: FloatArray, right: NDArray[np.bool_], max_risk: float, level: float) -> Selective:
    """The lowest threshold whose risk stays at or below ``max_risk`` with probability ``level``.

    Selection with guaranteed risk (Geifman and El-Yaniv, 2017): a binary search over the number of answered rows,
    surest first; each step asks the exact binomial bound at a share of ``1 - level`` (Bonferroni over the steps).

    Args:
        confidence: of the most probable class, ``[n]``.
        right: whether it was the true one, ``[n]``.
        max_risk: largest share of errors among the answered.
        level: how sure the bound is.
    """
    from scipy.stats import beta

    order = np.argsort(-confidence, kind="stable")
    ordered, errors = confidence[order], np.cumsum(~right[order])
    n = len(ordered)
    steps = max(1, int(np.ceil(np.log2(max(2, n)))))
    tail = (1.0 - level) / steps
    low, high, best = 1, n, None
    while low <= high:
        middle = (low + high) // 2
        last = int(np.searchsorted(-ordered, -ordered[middle - 1], side="right"))  # equal confidences go together
        wrong = int(errors[last - 1])
        bound = 1.0 if wrong >= last else float(beta.ppf(1.0 - tail, wrong + 1, last - wrong))
        if bound <= max_risk:
            best = Selective(float(ordered[last - 1]), last / n, wrong / last, bound)
            low = last + 1
        else:
            high = middle - 1
    return best or Selective(1.01, 0.0, float("nan"), float("nan"))


def risk_coverage(confidence: FloatArray, right: NDArray[np.bool_], points: int = 51) -> tuple[FloatArray, FloatArray]:
    """Risk among the surest share of rows, at even coverages above 0: ``(coverage, risk)``, each ``[points]``."""
    order = np.argsort(-confidence, kind="stable")
    errors = np.cumsum(~right[order])
    coverage = np.linspace(1.0 / points, 1.0, points)
    counts = np.maximum(1, np.round(coverage * len(order)).astype(np.int64))
    return coverage, errors[counts - 1] / counts
