"""How busy the calling day before was: known beforehand, and independent of every later row."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.sources.calling_days import BUSY, with_busy_days


def _calls(days: list[tuple[str, str, int]]) -> pd.DataFrame:
    rows = [(month, day) for month, day, count in days for _ in range(count)]
    return pd.DataFrame(rows, columns=["month", "day_of_week"])


def test_each_call_tells_how_many_were_made_on_the_day_before() -> None:
    calls = with_busy_days(_calls([("may", "mon", 3), ("may", "tue", 2), ("jun", "tue", 4)]))
    assert np.isnan(calls[BUSY].iloc[:3]).all()
    assert calls[BUSY].iloc[3:].tolist() == [3.0, 3.0, 2.0, 2.0, 2.0, 2.0]


def test_later_calls_change_nothing_about_earlier_ones() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    days = [(f"m{number // 5}", f"d{number % 5}", int(rng.integers(1, 9))) for number in range(30)]
    calls = _calls(days)
    whole = with_busy_days(calls)
    for cut in (0, 1, 2, 17, len(calls) - 1):
        part = with_busy_days(calls.iloc[:cut])
        pd.testing.assert_frame_equal(part, whole.iloc[:cut])
