"""A randomised e-mail test, a twin of Hillstrom's MineThatData whose true effects are known.

Generating process of one customer (all draws independent):

1. ``recency`` months since the last purchase (1-12), ``history`` dollars spent in the past year (log-normal, higher
   with a fresh purchase), ``mens`` and ``womens`` whether such goods were bought (at least one), ``area``,
   ``newbie`` (new within a year), ``channel`` of the last purchase.
2. ``arm``: ``none``, ``mens_mail`` or ``womens_mail``, one third each, by a coin that sees nothing of the customer.
3. A visit within two weeks with the probability of :func:`base_rate` plus, in a treated arm, :func:`true_uplift`.

On top come rows that a contract must catch (``BAD_SHARE``: an impossible recency, a missing channel).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

TARGET, TREATMENT, CONTROL = "visit", "arm", "none"
ARMS = ("mens_mail", "womens_mail")
NUMERIC = ("recency", "history", "mens", "womens", "newbie")
CATEGORICAL = ("area", "channel")
FEATURES = (*NUMERIC, *CATEGORICAL)
COLUMNS = ("id", "mailed_on", "visited_on", *FEATURES, TREATMENT, TARGET)
SHIFTS = ("none", "lapsed_customers", "new_channel", "mail_fatigue")
"""``lapsed_customers``: last purchases lie further back. ``new_channel``: a channel never seen. ``mail_fatigue``: the
same rows, but no mail moves anybody any more."""

BAD_SHARE = 0.002
_UNIFORMS = 14
_ARM, _LABEL, _FAULT, _KIND = 10, 11, 12, 13
_PRODUCTION_ID = 100_000_000


def history(seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int) -> pd.DataFrame:
    """All customers of tests that ended by ``last_day``, oldest first; a later ``last_day`` only adds rows."""
    import pandas as pd

    days = max(0, (last_day - start).days + 1)
    sizes = [rows_at_start, *[rows_per_day] * (days - 1)] if days else []
    blocks = [_customers(seed, start + timedelta(days=day), size, "history") for day, size in enumerate(sizes)]
    blocks = blocks or [_customers(seed, start, 0, "history")]
    table = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    table["id"] = np.arange(1, len(table["recency"]) + 1)
    bad = table["_fault"] < BAD_SHARE
    table["recency"][bad & (table["_kind"] < 0.5)] = 99
    table["channel"][bad & (table["_kind"] >= 0.5)] = None
    return pd.DataFrame({name: table[name] for name in COLUMNS})


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """``rows`` customers to decide about on ``day``, with the arm that the coin gave each: no outcome, ids never used
    before."""
    import pandas as pd

    table = _production(seed, day, rows, shift)
    return pd.DataFrame({name: table[name] for name in ("id", *FEATURES, TREATMENT)})


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """What became of them in a randomised test: ``id``, ``arm``, ``visit``, and the true ``uplift_<arm>``."""
    import pandas as pd

    table = _production(seed, day, rows, shift)
    effect = 0.0 if shift == "mail_fatigue" else 1.0
    true = {f"uplift_{arm}": effect * true_uplift(table, arm) for arm in ARMS}
    return pd.DataFrame({"id": table["id"], TREATMENT: table[TREATMENT], TARGET: table[TARGET], **true})


def base_rate(columns: Mapping[str, Any]) -> Floats:
    """``P(visit | no mail)``: ``sigmoid(-1.9 - 0.09 recency + 0.25 ln(history / 150) + 0.4 [web])``, ``[n]``."""
    recency, spent = (np.asarray(columns[name], dtype=np.float64) for name in ("recency", "history"))
    web = np.asarray(columns["channel"]) == "web"
    return np.asarray(1.0 / (1.0 + np.exp(-(-1.9 - 0.09 * recency + 0.25 * np.log(spent / 150) + 0.4 * web))))


def true_uplift(columns: Mapping[str, Any], arm: str) -> Floats:
    """``P(visit | arm) - P(visit | no mail)``, float64 ``[n]``.

    ``mens_mail``: ``0.02 + 0.12 [mens] - 0.004 (recency - 1)``. ``womens_mail``: ``-0.03 + 0.16 [womens]
    [not newbie]``, so that it puts some customers off.
    """
    get = {name: np.asarray(columns[name], dtype=np.float64) for name in ("recency", "mens", "womens", "newbie")}
    if arm == "mens_mail":
        return np.asarray(0.02 + 0.12 * get["mens"] - 0.004 * (get["recency"] - 1))
    if arm == "womens_mail":
        return np.asarray(-0.03 + 0.16 * get["womens"] * (1 - get["newbie"]))
    raise ValueError(f"no arm {arm!r}; choose one of: {', '.join(ARMS)}")


def population(seed: int, rows: int) -> dict[str, Any]:
    """``rows`` faultless customers with arm and outcome: for tests and benchmarks."""
    return _customers(seed, date(2000, 1, 1), rows, "population")


def _production(seed: int, day: date, rows: int, shift: str) -> dict[str, Any]:
    if shift not in SHIFTS:
        raise ValueError(f"no shift {shift!r}; choose one of: {', '.join(SHIFTS)}")
    table = _customers(seed, day, rows, "production", shift)
    table["id"] = _PRODUCTION_ID + day.toordinal() * 100_000 + np.arange(rows)
    return table


def _customers(seed: int, day: date, rows: int, use: str, shift: str = "none") -> dict[str, Any]:
    stream = {"history": 0, "production": 1, "population": 2}[use]
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 47, stream, day.toordinal()])))
    draw = generator.random((rows, _UNIFORMS))
    spread = np.sqrt(-2.0 * np.log1p(-draw[:, 1])) * np.cos(2.0 * np.pi * draw[:, 2])
    recency = 1 + np.floor(12 * draw[:, 0] ** (0.6 if shift == "lapsed_customers" else 1.3)).astype(np.int64)
    mens = draw[:, 3] < 0.55
    womens = ~mens | (draw[:, 4] < 0.25)
    channel = np.asarray(["web", "phone", "both"], dtype=object)[np.searchsorted([0.44, 0.88], draw[:, 5], "right")]
    if shift == "new_channel":
        channel[draw[:, _KIND] < 0.3] = "app"
    table: dict[str, Any] = {
        "recency": recency,
        "history": np.round(np.exp(5.1 - 0.04 * recency + 0.8 * spread), 2) + 20.0,
        "mens": mens.astype(np.int64),
        "womens": womens.astype(np.int64),
        "newbie": (draw[:, 6] < 0.5).astype(np.int64),
        "area": np.asarray(["urban", "suburban", "rural"], dtype=object)[
            np.searchsorted([0.4, 0.85], draw[:, 7], "right")
        ],
        "channel": channel,
    }
    arms = np.asarray([CONTROL, *ARMS], dtype=object)
    table[TREATMENT] = arms[np.minimum((draw[:, _ARM] * 3).astype(np.int64), 2)]
    chance = base_rate(table)
    for arm in ARMS if shift != "mail_fatigue" else ():
        chance = chance + np.where(table[TREATMENT] == arm, true_uplift(table, arm), 0.0)
    table[TARGET] = (draw[:, _LABEL] < np.clip(chance, 0.0, 1.0)).astype(np.int64)
    later = day + timedelta(days=14)
    table["mailed_on"] = np.full(rows, day.isoformat(), dtype=object)
    table["visited_on"] = np.full(rows, later.isoformat(), dtype=object)
    table["_fault"], table["_kind"] = draw[:, _FAULT], draw[:, _KIND]
    return table
