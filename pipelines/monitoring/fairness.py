"""Groups of the protected columns in one window: how far apart they are in what is decided for them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.metrics.slices import groups_of

if TYPE_CHECKING:
    import pandas as pd

Z = 2.576  # two-sided 99%


@dataclass(frozen=True)
class GroupGap:
    """The largest gap of one rate between two groups of a column.

    ``selection`` is the share acted on, ``recall`` that of positives acted on. ``low`` is the lower end of the 99%
    interval of the gap of these two groups; ``limit`` what the product's
    requirements allow, None where they are silent.
    """

    column: str
    rate: Literal["selection", "recall"]
    gap: float
    low: float
    limit: float | None
    highest: str
    lowest: str

    @property
    def beyond(self) -> bool:
        return self.limit is not None and self.low > self.limit


def group_gaps(
    product: Product, frame: pd.DataFrame, acted: NDArray[np.bool_], positive: NDArray[np.bool_] | None = None
) -> list[GroupGap]:
    """One gap per protected column that the frame holds; groups below ``min_group_rows`` are left out.

    Args:
        frame: raw rows ``[n]``.
        acted: what was decided for them.
        positive: the true outcome; given, the gap is one of recall, over the positive rows.
    """
    limits = product.requirements.fairness
    limit = limits.max_selection_gap if positive is None else limits.max_recall_gap
    rate: Literal["selection", "recall"] = "selection" if positive is None else "recall"
    kept = np.ones(len(frame), dtype=bool) if positive is None else positive
    found = []
    for column in product.requirements.protected:
        if column not in frame:
            continue
        masks = groups_of(frame[column].to_numpy(dtype=object), product.evaluate.slices.get(column, ()))
        shares = {}
        for name, mask in masks.items():
            rows = int((mask & kept).sum())
            if int(mask.sum()) >= limits.min_group_rows and rows > 0:
                shares[name] = (float(acted[mask & kept].mean()), rows)
        gap = _largest(shares)
        if gap is not None:
            found.append(GroupGap(column, rate, gap[0], gap[1], limit, gap[2], gap[3]))
    return found


def _largest(shares: dict[str, tuple[float, int]]) -> tuple[float, float, str, str] | None:
    """Gap, its lower end, highest and lowest group: the pair whose gap is surest, by normal intervals with the Agresti
    and Caffo correction (one success and one failure added to each group)."""
    best: tuple[float, float, str, str] | None = None
    for high, low in permutations(shares, 2):
        (p, n), (q, m) = shares[high], shares[low]
        if p < q:
            continue
        a, b = (p * n + 1) / (n + 2), (q * m + 1) / (m + 2)
        error = float(np.sqrt(a * (1 - a) / (n + 2) + b * (1 - b) / (m + 2)))
        end = a - b - Z * error
        if best is None or end > best[1]:
            best = (p - q, end, high, low)
    return best


def gap_json(gap: GroupGap) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "column": gap.column,
        "rate": gap.rate,
        "gap": round(gap.gap, 4),
        "low": round(gap.low, 4),
        "limit": gap.limit,
        "highest": gap.highest,
        "lowest": gap.lowest,
    }
