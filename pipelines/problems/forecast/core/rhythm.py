"""The rhythm of a product's series: what a step is, how long a season and a year are, which stretches are averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Frequency = Literal["hour", "day", "month"]
Steps = NDArray[np.int64]

UNITS: Mapping[str, Literal["h", "D", "M"]] = {"hour": "h", "day": "D", "month": "M"}


@dataclass(frozen=True)
class Rhythm:
    """Lengths are in steps.

    Attributes:
        frequency: the step.
        season: the shortest season; the naive baseline repeats it.
        slots: kinds of steps whose means are kept apart: hours of the week, weekdays, months of the year.
        year: steps back to the same place of last year (days: 52 weeks, so that weekdays meet).
        level: the stretch whose mean is a series' level.
        spans: stretches whose means are features.
        slot_spans: stretches whose means per slot are features.
        near: half width of the averages around last year's step.
    """

    frequency: Frequency
    season: int
    slots: int
    year: int
    level: int
    spans: tuple[int, ...]
    slot_spans: tuple[int, ...]
    near: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Steps of history before an origin that any feature reads."""
        return max(*self.spans, *self.slot_spans, 2 * self.year, self.year + max(self.near) + self.level)

    def slot(self, steps: Steps) -> Steps:
        """Which slot each step is in, 0 to ``slots - 1``."""
        if self.frequency == "day":
            return (steps + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
        if self.frequency == "hour":
            return (steps + 72) % 168
        return steps % 12

    def calendar(self, steps: Steps) -> dict[str, NDArray[np.float64]]:
        """Calendar features of steps, one float64 ``[n]`` each."""
        moment = steps.astype(f"datetime64[{UNITS[self.frequency]}]")
        day, month = moment.astype("datetime64[D]"), moment.astype("datetime64[M]")
        year = moment.astype("datetime64[Y]")
        found: dict[str, Any] = {
            "cal_year": year.astype(np.int64) + 1970.0,
            "cal_month": month.astype(np.int64) % 12 + 1.0,
        }
        if self.frequency == "month":
            return found
        ordinal = day.astype(np.int64)
        found["cal_day"] = (day - month.astype("datetime64[D]")).astype(np.float64) + 1.0
        found["cal_yearday"] = (day - year.astype("datetime64[D]")).astype(np.float64) + 1.0
        found["cal_weekday"] = ((ordinal + 3) % 7).astype(np.float64)
        found["cal_week"] = _iso_week(ordinal)
        if self.frequency == "hour":
            found["cal_hour"] = (steps % 24).astype(np.float64)
        return found


RHYTHMS: Mapping[str, Rhythm] = {
    "day": Rhythm("day", 7, 7, 364, 91, (14, 28, 56, 182, 364), (56, 91, 182, 400, 728), (3, 14)),
    "month": Rhythm("month", 12, 12, 12, 12, (3, 6, 12, 24), (36,), (1,)),
    "hour": Rhythm("hour", 24, 168, 8736, 672, (24, 168, 672, 2016), (672, 2016), (3, 84)),
}


def _iso_week(ordinal: Steps) -> NDArray[np.float64]:
    """ISO 8601 week of days since 1970: the week of a day is that of its Thursday."""
    thursday = ordinal - (ordinal + 3) % 7 + 3
    start = thursday.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    return ((thursday - start) // 7 + 1).astype(np.float64)


def to_steps(values: NDArray[Any], frequency: Frequency) -> Steps:
    """Moments (datetime64, or ISO 8601 text) as whole steps since 1970 ``[n]``.

    Raises:
        ValueError: a text that is no date; its position is the second argument of the error.
    """
    unit = UNITS[frequency]
    if values.dtype.kind == "M":
        return values.astype(f"datetime64[{unit}]").astype(np.int64)
    steps = np.empty(len(values), dtype=np.int64)
    seen: dict[Any, int] = {}
    for place, value in enumerate(values.tolist()):
        if value not in seen:
            try:
                moment = np.datetime64(value, unit) if isinstance(value, str) else np.datetime64(str(value), unit)
            except ValueError as error:
                raise ValueError(f"not a date: {value!r}", place) from error
            if np.isnat(moment):
                raise ValueError(f"not a date: {value!r}", place)
            seen[value] = int(moment.astype(np.int64))
        steps[place] = seen[value]
    return steps


def to_text(step: int, frequency: Frequency) -> str:
    """A step as ISO 8601 text."""
    return str(np.int64(step).astype(f"datetime64[{UNITS[frequency]}]"))
