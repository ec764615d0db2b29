"""What decisions at a threshold cost, and which threshold costs least."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def best_threshold(false_positive: float, false_negative: float) -> float:
    """The probability from which acting is cheaper than not acting (Elkan, The Foundations of Cost-Sensitive
    Learning, 2001): acting on p costs ``(1 - p) false_positive``, not acting ``p false_negative``."""
    return false_positive / (false_positive + false_negative)


def mean_cost(y: NDArray[Any], p: FloatArray, threshold: float, false_positive: float, false_negative: float) -> float:
    """Cost per row when rows with ``p >= threshold`` are acted on; the unit is that of the two costs."""
    return float(np.mean(costs(y, p >= threshold, false_positive, false_negative)))


def costs(y: NDArray[Any], acted: NDArray[np.bool_], false_positive: float, false_negative: float) -> FloatArray:
    """Cost of each row ``[n]``, in the unit of the two costs."""
    positive = np.asarray(y) == 1
    return np.asarray(false_positive * (acted & ~positive) + false_negative * (~acted & positive))


def cheapest_threshold(
    y: NDArray[Any], p: FloatArray, false_positive: float, false_negative: float
) -> tuple[float, float]:
    """The threshold of least cost on these rows, and that cost per row.

    Searched over every distinct probability; between two, the middle. Acting on none is a threshold above 1.
    """
    order = np.argsort(-p, kind="stable")
    falling = p[order]
    positive = np.asarray(y)[order] == 1
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    false = np.append(0.0, np.cumsum(~positive)[ends]) * false_positive
    missed = (positive.sum() - np.append(0.0, np.cumsum(positive)[ends])) * false_negative
    total = false + missed
    at = int(np.argmin(total))
    above = float(np.append(1.0 + 1e-6, falling[ends])[at])
    below = float(np.append(falling[ends], 0.0)[at])
    middle = (above + below) / 2.0
    return (middle if middle > below else above), float(total[at] / len(p))
