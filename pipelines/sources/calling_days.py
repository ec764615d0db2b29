"""Calls in order of time without a date: how busy the calling day before was.

A calling day is a run of rows with the same month and day of the week. A caller knows the number of the day before; it
depends on no later row, and says how wide a campaign is cast: few chosen customers, or everyone on a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

DAY = ("month", "day_of_week")
BUSY = "calls_day_before"


def with_busy_days(calls: pd.DataFrame) -> pd.DataFrame:
    """The calls with one more column, ``calls_day_before``: float64, missing on the first day.

    Args:
        calls: in order of time, with the columns of :data:`DAY`.
    """
    day = calls[list(DAY)]
    changed = (day != day.shift()).any(axis=1)
    number = np.cumsum(changed.to_numpy()) - 1
    before = np.concatenate([[np.nan], np.bincount(number, minlength=1)[:-1].astype(np.float64)])
    return calls.assign(**{BUSY: before[number] if len(calls) else np.zeros(0)})
