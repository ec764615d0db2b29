"""How many rows came, against how many usually come: the product's own history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

LEAST_WINDOWS = 8
SAME_HOUR = 4
"""So many earlier windows that ended at the same hour of the day are compared with instead of all."""
SIGMAS = 4.0
SECOND = 1 / 3600


@dataclass(frozen=True)
class Span:
    """A window of the log: ``rows`` of all versions between two UTC ISO times."""

    since: str
    until: str
    rows: int

    @property
    def hours(self) -> float:
        return max(SECOND, (_time(self.until) - _time(self.since)).total_seconds() / 3600)


@dataclass(frozen=True)
class Volume:
    """Rows an hour, what is usual, and whether the difference is beyond factor and noise.

    ``usual`` is the median of ``windows`` earlier ones; None before there are enough.
    """

    per_hour: float
    usual: float | None
    windows: int
    unusual: bool = False

    @property
    def factor(self) -> float:
        """How many times more or fewer, at least 1."""
        if self.usual is None:
            return 1.0
        up = (self.per_hour + SECOND) / (self.usual + SECOND)
        return max(up, 1 / up)


def judge_volume(past: Sequence[Span], now: Span, factor: float) -> Volume:
    """Compare the logarithm of the rate with its median, in units of its spread.

    The spread is the median absolute deviation (times 1.4826: a normal's standard deviation) and, added in squares,
    the counting noise of a Poisson process: few rows vary more.

    Args:
        past: earlier windows of the product, any order.
        now: the window.
        factor: smaller changes never count.
    """
    rate = now.rows / now.hours
    hour = _time(now.until).hour
    same = [span for span in past if _time(span.until).hour == hour]
    chosen = same if len(same) >= SAME_HOUR else list(past)
    if len(past) < LEAST_WINDOWS:
        return Volume(rate, None, len(past))
    logs = [math.log(span.rows / span.hours + SECOND) for span in chosen]
    middle = median(logs)
    spread = 1.4826 * median(abs(value - middle) for value in logs)
    expected = max(1.0, math.exp(middle) * now.hours)
    sigma = math.sqrt(spread**2 + 1 / expected)
    distance = abs(math.log(rate + SECOND) - middle)
    unusual = distance >= math.log(factor) and distance >= SIGMAS * sigma
    return Volume(rate, math.exp(middle) - SECOND, len(chosen), unusual)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
