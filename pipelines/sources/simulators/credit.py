"""A credit-card default simulator: a twin of the Taiwan data (UCI 350) whose truth is known.

Generating process of one client (months from 6, the oldest, to 1; ``N`` a standard normal, all draws independent):

1. Person. ``SEX``, ``EDUCATION`` from fixed shares, ``AGE`` 21-79 and right-skewed, ``MARRIAGE`` by age.
   ``LIMIT_BAL`` is log-normal around a level that rises with age up to 45 and with schooling.
2. Stress ``s = 0.8 N - 0.45 z``, ``z`` the standardised log limit. Never observed; it drives misses and use.
3. Habit. A client revolves, pays in full, or does not use the card; more stress, more revolvers.
4. Delay. A payment is missed with probability ``sigmoid(-3.2 + 0.9 s + 0.6 v_t + 2.0 [late last month])``, ``v_t``
   autoregressive (0.7). ``PAY_t``: months late 1-8 (as in the real data a first miss is shown as 2 once its month
   is over), 0 revolves, -1 paid in full, -2 no use.
5. Bills and payments. Use of the limit is a sigmoid of an autoregressive walk (revolvers) or small; few bills are
   credits (negative). Paid is the whole last bill, a small skewed part of it, or nothing when missed.
6. Default with the probability of :func:`pipelines.sources.simulators.credit_truth.true_probability`, a function of
   the observed columns only.

On top come rows that a contract must catch (``BAD_SHARE``: impossible codes, a negative limit, missing values, an
impossible age or bill), rows sent twice (``RESENT_SHARE``: same ID) and clients registered twice (``TWICE_SHARE``:
a new ID, all else equal).
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.sources.simulators.credit_truth import BILL, PAID, PAY, sigmoid, true_probability

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

TARGET = "default_next_month"
FEATURES = ("LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", *PAY, *BILL, *PAID)
COLUMNS = ("ID", *FEATURES, TARGET)
SHIFTS = ("none", "income_drop", "new_category", "concept_change", "payment_holiday")
"""``income_drop``: one unit more stress, so larger bills, more delays, a smaller part repaid. ``new_category``: codes
never seen before in EDUCATION and MARRIAGE. ``concept_change``: the same rows, but a default is likelier for them.
``payment_holiday``: clients may skip payments, so many do who could pay; a late payment says little any more, and who
defaults is told by the use of the limit. Only a model trained on such rows ranks them well."""

BAD_SHARE = 0.003
RESENT_SHARE = 0.001
TWICE_SHARE = 0.001
CONCEPT_CHANGE = 0.8  # added to the log-odds
HOLIDAY_SKIPS = 0.25  # share of the months in which a client skips a payment that could be made

_MONTHS = 8  # two before the first one shown
_NORMALS = 4 + 3 * _MONTHS  # per client: age, limit, stress, start of use; monthly shocks of use, payment, delay
_UNIFORMS = 8 + 3 * _MONTHS  # per client: 4 codes, habit; monthly switch, miss, credit; label, fault, kind of fault
_LABEL, _FAULT, _KIND = _UNIFORMS - 3, _UNIFORMS - 2, _UNIFORMS - 1
_PRODUCTION_ID = 100_000_000.0


def history(
    seed: int,
    start: date,
    last_day: date,
    rows_at_start: int,
    rows_per_day: int,
    shift: str = "none",
    shift_from: date | None = None,
) -> pd.DataFrame:
    """All rows known at the end of ``last_day``, oldest first; a later ``last_day`` only adds rows at the end.

    Args:
        shift: one of ``SHIFTS``: the world from ``shift_from`` on (default: from the start).

    Returns:
        ``COLUMNS``; int64, but float64 where a faulty row misses a value. Empty when ``last_day`` is before ``start``.
    """
    days = max(0, (last_day - start).days + 1)
    sizes = [rows_at_start, *[rows_per_day] * (days - 1)] if days else []
    blocks = [_draw(seed, start + timedelta(days=day), size, "history") for day, size in enumerate(sizes)]
    normal = np.concatenate([block[0] for block in blocks]) if blocks else np.empty((0, _NORMALS))
    uniform = np.concatenate([block[1] for block in blocks]) if blocks else np.empty((0, _UNIFORMS))
    moved = np.repeat([start + timedelta(days=day) >= (shift_from or start) for day in range(days)], sizes).astype(bool)
    table = _clients(normal, uniform, shift, moved)
    table["ID"] = np.arange(1, len(normal) + 1, dtype=np.float64)
    table[TARGET] = (uniform[:, _LABEL] < _probability(table, shift, moved)).astype(np.float64)
    first_of_block = np.zeros(len(normal), dtype=bool)
    first_of_block[[end - size for end, size in zip(accumulate(sizes), sizes, strict=True) if size]] = True
    _repeat(table, uniform[:, _FAULT], first_of_block)
    _spoil(table, uniform[:, _FAULT], uniform[:, _KIND])
    return _frame(table, COLUMNS)


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """``rows`` clients as the service sees them on ``day``: no outcome, no faulty rows, IDs never used before.

    Args:
        shift: one of ``SHIFTS``.

    Returns:
        ``ID`` and ``FEATURES``, int64.
    """
    return _frame(_production(seed, day, rows, shift), ("ID", *FEATURES))


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """What became of the clients of :func:`production_day`, same order: ``ID``, the target (int64) and ``probability``
    (float64), the true one."""
    import pandas as pd

    table = _production(seed, day, rows, shift)
    probability = _probability(table, shift, np.ones(rows, dtype=bool))
    happened = _draw(seed, day, rows, "production")[1][:, _LABEL] < probability
    return pd.DataFrame(
        {"ID": table["ID"].astype(np.int64), TARGET: happened.astype(np.int64), "probability": probability}
    )


def population(seed: int, rows: int) -> dict[str, Floats]:
    """``rows`` faultless clients without outcome, float64: for the Bayes AUC and for tests."""
    return _clients(*_draw(seed, date(2000, 1, 1), rows, "population"))


def _probability(table: dict[str, Floats], shift: str, moved: NDArray[np.bool_]) -> Floats:
    """The true probability; rows of ``moved`` are of the shifted world."""
    if shift == "concept_change":
        return true_probability(table, np.where(moved, CONCEPT_CHANGE, 0.0))
    return true_probability(table, holiday=moved if shift == "payment_holiday" else None)


def _production(seed: int, day: date, rows: int, shift: str) -> dict[str, Floats]:
    if shift not in SHIFTS:
        raise ValueError(f"no shift {shift!r}; choose one of: {', '.join(SHIFTS)}")
    normal, uniform = _draw(seed, day, rows, "production")
    table = _clients(normal, uniform, shift, np.ones(rows, dtype=bool))
    ids: Floats = _PRODUCTION_ID + day.toordinal() * 100_000.0 + np.arange(rows, dtype=np.float64)
    table["ID"] = ids
    return table


def _draw(seed: int, day: date, rows: int, use: str) -> tuple[Floats, Floats]:
    """The random numbers of one day, from a seed of its own: normals and uniforms, one row per client."""
    stream = {"history": 0, "production": 1, "population": 2}[use]
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, day.toordinal()])))
    return generator.standard_normal((rows, _NORMALS)), generator.random((rows, _UNIFORMS))


def _clients(
    normal: Floats, uniform: Floats, shift: str = "none", moved: NDArray[np.bool_] | None = None
) -> dict[str, Floats]:
    """One row per client; those of ``moved`` live in the world that ``shift`` names."""
    moved = np.zeros(len(normal), dtype=bool) if moved is None else moved
    age = np.clip(np.floor(21 + 15.5 * np.exp(0.55 * normal[:, 0]) - 2.0), 21, 79)
    education = _codes(uniform[:, 0], {1: 0.353, 2: 0.468, 3: 0.164, 5: 0.009, 4: 0.004, 6: 0.002})
    schooling = np.select([education == 1, education == 3], [0.45, -0.35], 0.0)
    level = 11.55 + schooling + 0.035 * (np.minimum(age, 45) - 35)
    limit = np.clip(np.round(np.exp(level + 0.75 * normal[:, 1]) / 10_000), 1, 100) * 10_000
    married = uniform[:, 1] < sigmoid(0.14 * (age - 35.5))
    marriage = np.where(uniform[:, 2] < 0.012, 3.0, np.where(married, 1.0, 2.0))
    stress = 0.8 * normal[:, 2] - 0.45 * (np.log(limit) - 11.65) / 0.85
    stress = stress + np.where(moved & (shift == "income_drop"), 1.0, 0.0)
    table = {
        "LIMIT_BAL": limit,
        "SEX": np.where(uniform[:, 3] < 0.396, 1.0, 2.0),
        "EDUCATION": education,
        "MARRIAGE": marriage,
        "AGE": age,
    }
    skips: Floats = np.where(moved & (shift == "payment_holiday"), HOLIDAY_SKIPS, 0.0)
    _months(table, stress, normal[:, 3:], uniform[:, 4:], skips)
    if shift == "new_category":
        table["EDUCATION"][moved & (uniform[:, _FAULT] < 0.2)] = 7.0
        table["MARRIAGE"][moved & (uniform[:, _KIND] < 0.1)] = 4.0
    return {name: table[name] for name in FEATURES}


def _months(table: dict[str, Floats], stress: Floats, normal: Floats, uniform: Floats, skips: Floats) -> None:
    """Delay, bills and payments of ``_MONTHS`` months, oldest first; the last six are added to ``table``.

    ``normal`` ``[n, 1 + 3 * 8]``: start of use, then shocks of use, payment and delay.
    ``uniform`` ``[n, 1 + 3 * 8]``: habit, then switches, misses and credits.
    ``skips`` ``[n]``: added to the probability of a miss.
    """
    limit = table["LIMIT_BAL"]
    revolves = uniform[:, 0] < sigmoid(0.45 + 0.9 * stress)
    idle = ~revolves & (uniform[:, 0] > 1 - 0.5 * sigmoid(-0.4 - 0.3 * stress))
    walk = -0.25 + 0.75 * stress + 1.2 * normal[:, 0]
    late, shock, bill = np.zeros(len(limit)), np.zeros(len(limit)), np.zeros(len(limit))
    for month in range(_MONTHS):
        use_shock, paid_shock, delay_shock = (normal[:, 1 + kind * _MONTHS + month] for kind in range(3))
        switch, miss, credit = (uniform[:, 1 + kind * _MONTHS + month] for kind in range(3))
        switched = switch < 0.06
        revolves = revolves ^ (switched & ~idle)
        idle = idle & ~switched
        shock = 0.7 * shock + 0.714 * delay_shock
        missed = ~idle & (miss < sigmoid(-2.75 + 0.9 * stress + 0.6 * shock + 2.1 * (late > 0)) + skips)
        late = np.where(missed, np.minimum(late + 1, 8), 0.0)
        share = np.minimum(np.exp(-2.9 - 0.35 * stress + 0.9 * paid_shock), 1.0)
        paid = np.round(np.maximum(np.where(revolves, share, 1.0) * bill, 0.0))
        walk = walk + 0.06 + 0.35 * use_shock
        use = np.where(revolves, 1.05, 0.12) * sigmoid(walk)
        use = np.where(idle, 0.0, use) * np.where(credit < 0.02, -0.05, 1.0)
        bill = np.round(use * limit)
        at = _MONTHS - 1 - month
        if at < 6:
            shown = np.where((late == 1) & (at > 0), 2.0, late)
            table[PAY[at]] = np.select([late > 0, idle, revolves], [shown, -2.0, 0.0], -1.0)
            table[BILL[at]] = bill
            table[PAID[at]] = np.where(missed, 0.0, paid)


def _codes(uniform: Floats, shares: dict[int, float]) -> Floats:
    edges = np.cumsum(list(shares.values()))
    return np.array(list(shares), dtype=np.float64)[np.minimum(np.searchsorted(edges, uniform), len(shares) - 1)]


def _repeat(table: dict[str, Floats], fault: Floats, first_of_block: NDArray[np.bool_]) -> None:
    """Some rows become a copy of the row before them (never of another day): the same ID, or a new one."""
    resent = (fault >= 0.5) & (fault < 0.5 + RESENT_SHARE) & ~first_of_block
    twice = (fault >= 0.6) & (fault < 0.6 + TWICE_SHARE) & ~first_of_block
    for row in np.flatnonzero(resent | twice):
        for name in (*FEATURES, TARGET):
            table[name][row] = table[name][row - 1]
        if resent[row]:
            table["ID"][row] = table["ID"][row - 1]


def _spoil(table: dict[str, Floats], fault: Floats, kind: Floats) -> None:
    """``BAD_SHARE`` of the rows get one fault each, of seven kinds."""
    bad = fault < BAD_SHARE
    faults: list[tuple[str, float]] = [
        ("LIMIT_BAL", -1.0),
        ("AGE", 199.0),
        ("SEX", 3.0),
        ("PAY_0", 99.0),
        ("EDUCATION", np.nan),
        ("BILL_AMT1", np.nan),
        ("PAY_AMT2", -500.0),
    ]
    which = np.minimum((kind * len(faults)).astype(np.int64), len(faults) - 1)
    for index, (name, value) in enumerate(faults):
        table[name][bad & (which == index)] = value


def _frame(table: dict[str, Floats], columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    whole = {name: not np.isnan(table[name]).any() for name in columns}
    return pd.DataFrame({name: table[name].astype(np.int64) if whole[name] else table[name] for name in columns})
