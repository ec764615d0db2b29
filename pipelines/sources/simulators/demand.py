"""Daily sales of some shop items: a demand whose truth is known.

Demand of a series on a day is Poisson with a gamma-distributed mean (so its variance exceeds the mean), around

``level * growth^years * weekday * season(day of year) * promotion lift * holiday factor * price^-elasticity``

Every series has its own level (log-normal), growth, week (Monday to Sunday factors), yearly wave (one harmonic), lift,
elasticity and dispersion, drawn once from the seed. A third of them are ``slow``: intermittent, with a demand on few
days. Calendar: a promotion of the whole chain from Monday to Saturday of every second week, others of single series;
public holidays; a price that changes every week. All of these are known in advance. Half of the stores are closed on
Sundays; now and then stock runs out and the rest of that day's demand is not seen.

On top come rows that a contract must catch (``BAD_SHARE``: a negative sale or a missing one), rows sent twice
(``RESENT_SHARE``) and rows that never arrive (``LOST_SHARE``: gaps).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SERIES = 32
HORIZON = 28  # days ahead that clients ask for
TARGET = "sales"
KNOWN = ("open", "promotion", "holiday", "price")
STATIC = ("store", "category")
COLUMNS = ("series", "date", *KNOWN, *STATIC, "stockout", TARGET)
SHIFTS = ("none", "promotion_week", "price_rise", "demand_drop")
"""``promotion_week``: every item is on promotion, as planned. ``price_rise``: prices 10% higher, and less is sold.
``demand_drop``: the same rows, but a third less is sold."""

BAD_SHARE = 0.002
RESENT_SHARE = 0.001
LOST_SHARE = 0.002
STOCKOUT_SHARE = 0.01
PRICE_RISE = 1.1
DEMAND_DROP = 0.67

HOLIDAYS = ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))
CATEGORIES = ("staple", "seasonal", "slow")
_FAULT, _LOST, _STOCK = 0, 1, 2


def history(
    seed: int,
    start: date,
    last_day: date,
    rows_at_start: int,
    rows_per_day: int,
    shift: str = "none",
    shift_from: date | None = None,
) -> pd.DataFrame:
    """Sales up to and including ``last_day``, oldest first; a later ``last_day`` only adds rows at the end.

    ``rows_at_start`` series-days are known on the day ``start``: the history begins so many days before.

    Returns:
        ``COLUMNS``; ``sales`` is float64 (missing in faulty rows). Empty when ``last_day`` is before ``start``.

    Raises:
        ConfigError: ``rows_per_day`` is not :data:`SERIES`.
    """
    import pandas as pd

    if rows_per_day != SERIES:
        raise ConfigError(
            f"the demand simulator has {SERIES} series, rows_per_day is {rows_per_day}",
            where={"key": "source.rows_per_day"},
            next_step=f"set source.rows_per_day to {SERIES}",
        )
    first = start - timedelta(days=max(1, rows_at_start // SERIES) - 1)
    days = [first + timedelta(days=place) for place in range(max(0, (last_day - first).days + 1))]
    if last_day < start:
        days = []
    blocks = [
        _history_day(seed, day, shift if shift_from is not None and day >= shift_from else "none") for day in days
    ]
    if not blocks:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    table = {name: np.concatenate([block[name] for block in blocks]) for name in COLUMNS}
    return pd.DataFrame(table)


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """What clients ask on the evening of ``day``: ``rows`` pairs of series and one of the :data:`HORIZON` days ahead.

    Open days only, evenly over the whole horizon, so that every weekday is asked for alike: series, date and ``KNOWN``
    columns.
    """
    import pandas as pd

    table = _asked(seed, day, rows, shift)
    return pd.DataFrame({name: table[name] for name in ("series", "date", *KNOWN)})


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """What was sold in the rows of :func:`production_day`, same order: ``sales`` (int64) and ``mean``, the true one."""
    import pandas as pd

    table = _asked(seed, day, rows, shift)
    return pd.DataFrame({TARGET: table[TARGET].astype(np.int64), "mean": table["mean"]})


def true_mean(seed: int, day: date, shift: str = "none") -> Floats:
    """Expected demand of every series on an open day ``[SERIES]``."""
    return _mean(seed, day, _calendar(seed, day, shift), shift)


def _asked(seed: int, day: date, rows: int, shift: str) -> dict[str, NDArray[Any]]:
    if shift not in SHIFTS:
        raise ValueError(f"no shift {shift!r}; choose one of: {', '.join(SHIFTS)}")
    blocks = [_day(seed, day + timedelta(days=ahead), shift) for ahead in range(1, HORIZON + 1)]
    table = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    open_rows = np.flatnonzero(table["open"] == 1)
    whole = len(open_rows)
    place = np.floor(np.arange(rows) * (whole / rows)).astype(np.int64) if rows < whole else np.arange(rows) % whole
    return {name: values[open_rows[place]] for name, values in table.items()}


def _history_day(seed: int, day: date, shift: str) -> dict[str, NDArray[Any]]:
    """One day's rows as they arrive: some lost, some sent twice, some spoiled."""
    table = _day(seed, day, shift)
    uniform = _generator(seed, 2, day).random((SERIES, 3))
    fault = uniform[:, _FAULT]
    table[TARGET] = np.where(fault < BAD_SHARE / 2, np.nan, table[TARGET])
    table[TARGET] = np.where((fault >= BAD_SHARE / 2) & (fault < BAD_SHARE), -1.0 - table[TARGET], table[TARGET])
    times = np.where(uniform[:, _LOST] < LOST_SHARE, 0, np.where(fault > 1 - RESENT_SHARE, 2, 1))
    kept = np.repeat(np.arange(SERIES), times)
    return {name: values[kept] for name, values in table.items()}


def _day(seed: int, day: date, shift: str) -> dict[str, NDArray[Any]]:
    """All series on one day, without faults: ``COLUMNS`` and ``mean``."""
    calendar = _calendar(seed, day, shift)
    mean = _mean(seed, day, calendar, shift) * calendar["open"]
    rng = _generator(seed, 1, day)
    made = _traits(seed)
    busy = rng.random(SERIES) < made["busy"]
    dispersion = made["dispersion"]
    noise = rng.gamma(dispersion, 1.0 / dispersion)
    sold = np.where(busy, rng.poisson(mean / made["busy"] * noise), 0).astype(np.float64)
    short = (_generator(seed, 3, day).random(SERIES) < STOCKOUT_SHARE) & (sold > 3)
    sold = np.where(short, np.floor(sold * 0.5), sold)
    return {
        "series": _keys(),
        "date": np.full(SERIES, day.isoformat(), dtype=object),
        **calendar,
        "store": made["store"],
        "category": made["category"],
        "stockout": short.astype(np.int64),
        TARGET: sold,
        "mean": mean,
    }


def _calendar(seed: int, day: date, shift: str) -> dict[str, NDArray[Any]]:
    """What is known in advance of a day."""
    made = _traits(seed)
    week, weekday = day.isocalendar().week, day.weekday()
    chain = week % 2 == 0 and weekday < 6
    own = (week % 7 == made["own_week"]) & (weekday < 6)
    promoted = np.full(SERIES, True) if shift == "promotion_week" else own | chain
    price = np.round(np.exp(0.06 * np.sin(0.9 * (day.toordinal() // 7) + made["phase"])), 3)
    holiday = (day.month, day.day) in HOLIDAYS
    closed = (made["sunday"] & (weekday == 6)) | (made["sunday"] & holiday)
    return {
        "open": (~closed).astype(np.int64),
        "promotion": (promoted & ~closed).astype(np.int64),
        "holiday": np.full(SERIES, int(holiday), dtype=np.int64),
        "price": price * (PRICE_RISE if shift == "price_rise" else 1.0),
    }


def _mean(seed: int, day: date, calendar: dict[str, NDArray[Any]], shift: str) -> Floats:
    made = _traits(seed)
    years = (day - date(2025, 1, 1)).days / 365.25
    wave = np.exp(made["amplitude"] * np.cos(2 * np.pi * (day.timetuple().tm_yday / 365.25 - made["peak"])))
    mean = made["level"] * made["growth"] ** years * made["week"][:, day.weekday()] * wave
    mean = mean * np.where(calendar["promotion"] == 1, made["lift"], 1.0)
    mean = mean * np.where(calendar["holiday"] == 1, 0.6, 1.0) * calendar["price"] ** -made["elasticity"]
    return np.asarray(mean * (DEMAND_DROP if shift == "demand_drop" else 1.0), dtype=np.float64)


def _keys() -> NDArray[Any]:
    return np.array([f"item_{place:02d}" for place in range(SERIES)], dtype=object)


def _traits(seed: int) -> dict[str, NDArray[Any]]:
    """What is fixed about every series."""
    if seed not in _TRAITS:
        _TRAITS[seed] = _draw_traits(seed)
    return _TRAITS[seed]


_TRAITS: dict[int, dict[str, NDArray[Any]]] = {}


def _draw_traits(seed: int) -> dict[str, NDArray[Any]]:
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0])))
    kind = np.arange(SERIES) % 3
    slow = kind == 2
    week = np.exp(0.25 * rng.standard_normal((SERIES, 7)))
    store = np.arange(SERIES) % 4
    return {
        "category": np.array(CATEGORIES, dtype=object)[kind],
        "store": np.array([f"store_{number}" for number in store], dtype=object),
        "sunday": store % 2 == 0,
        "level": np.where(slow, 1.2, 40.0) * np.exp(0.6 * rng.standard_normal(SERIES)),
        "growth": np.exp(0.10 * rng.standard_normal(SERIES)),
        "week": week / week.mean(axis=1, keepdims=True),
        "amplitude": np.where(kind == 1, 0.5, 0.12) * (0.7 + 0.6 * rng.random(SERIES)),
        "peak": rng.random(SERIES),
        "lift": np.where(slow, 1.0, 1.15 + 0.6 * rng.random(SERIES)),
        "elasticity": 0.5 + rng.random(SERIES),
        "dispersion": np.where(slow, 2.0, 12.0 + 20.0 * rng.random(SERIES)),
        "busy": np.where(slow, 0.35, 1.0),
        "own_week": rng.integers(0, 7, SERIES),
        "phase": 2 * np.pi * rng.random(SERIES),
    }


def _generator(seed: int, stream: int, day: date) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, day.toordinal()])))
