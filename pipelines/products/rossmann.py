"""Derived features of a chain of drugstores: holidays nearby, months of competition, weeks of a coupon cycle.

Each is a function of one row: of the calendar (``cal_*``, which every daily forecast has) and of what is fixed about
the store. Nothing of it is known later than the day itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIXED = ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))  # nationwide German holidays, month and day
AROUND_EASTER = (-2, 1, 39, 50, 60)  # days: Good Friday, Easter Monday, Ascension, Whit Monday, Corpus Christi
FAR = 15.0  # days; further away counts as that far
OLDEST = 60.0  # months, and weeks times five, beyond which it makes no difference


def derive(columns: Mapping[str, Array]) -> dict[str, Array]:
    """``{feature: float64 [n]}`` from the calendar and the store's competition and coupon columns."""
    year, month, week = columns["cal_year"], columns["cal_month"], columns["cal_week"]
    before, after = holidays_near(year, columns["cal_yearday"])
    opened = 12.0 * (year - columns["CompetitionOpenSinceYear"]) + month - columns["CompetitionOpenSinceMonth"]
    coupons = 52.0 * (year - columns["Promo2SinceYear"]) + week - columns["Promo2SinceWeek"]
    return {
        "days_since_holiday": before,
        "days_to_holiday": after,
        "competition_months": np.clip(opened, -24.0, OLDEST),
        "coupon_weeks": np.clip(coupons, -26.0, 5.0 * OLDEST),
        "month_in_quarter": (month - 1.0) % 3.0,
    }


def holidays_near(year: Array, yearday: Array) -> tuple[Array, Array]:
    """Days since the last and to the next nationwide holiday ``[n]``, 0 on one, at most :data:`FAR`."""
    known = ~(np.isnan(year) | np.isnan(yearday))
    day = np.zeros(len(year), dtype=np.int64)
    start = np.where(known, year, 1970.0).astype(np.int64) - 1970
    day[:] = start.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    day += np.where(known, yearday, 1.0).astype(np.int64) - 1
    years = np.unique(start) + 1970
    listed = np.unique(np.concatenate([_holidays(one) for one in range(int(years.min()) - 1, int(years.max()) + 2)]))
    last = listed[np.searchsorted(listed, day, side="right") - 1]
    following = listed[np.searchsorted(listed, day, side="left")]
    since, until = np.minimum(day - last, FAR), np.minimum(following - day, FAR)
    return np.where(known, since, np.nan), np.where(known, until, np.nan)


def _holidays(year: int) -> NDArray[np.int64]:
    fixed = [np.datetime64(f"{year:04d}-{month:02d}-{day:02d}").astype(np.int64) for month, day in FIXED]
    return np.array([*fixed, *(easter(year) + shift for shift in AROUND_EASTER)], dtype=np.int64)


def easter(year: int) -> int:
    """Easter Sunday in days since 1970: the anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, 1991)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    shift = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * shift) // 433
    month = (h + shift - 7 * m + 90) // 25
    day = (h + shift - 7 * m + 33 * month + 19) % 32
    return int(np.datetime64(f"{year:04d}-{month:02d}-{day:02d}").astype(np.int64))
