"""A telephone-campaign simulator: a twin of the bank marketing data (UCI 222) whose truth is known.

Generating process of one call (``N`` a standard normal, all draws independent):

1. The customer. ``age`` 18-90 and right-skewed, ``job`` by age, ``education``, ``balance`` (log-normal, rises with age
   and schooling), ``housing`` (a mortgage) by age.
2. The history. One customer in four was called in an earlier campaign: ``previous`` calls, ``days_since`` the last one,
   ``previous_outcome`` (``success`` with the customer's own openness ``q = 0.8 N``); others have ``nonexistent`` and no
   ``days_since``.
3. The call. ``called_on`` its day, ``contact`` the line, ``contacts`` the calls in this campaign so far, ``rate`` the
   interest rate of the day, a slow wave that the calendar alone decides.
4. The subscription, with the probability of :func:`true_probability`, a function of columns that are known before the
   call.
5. ``duration`` of the call in seconds: long where it ended in a subscription. It is known only after the call.

On top come rows that a contract must catch (``BAD_SHARE``: an impossible age, a missing job, an unknown line).
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

TARGET = "subscribed"
NUMERIC = ("age", "balance", "contacts", "days_since", "previous", "rate")
CATEGORICAL = ("job", "education", "housing", "contact", "previous_outcome")
FEATURES = (*NUMERIC, *CATEGORICAL)
AFTER = "duration"
COLUMNS = ("id", "called_on", *FEATURES, AFTER, TARGET)
SHIFTS = ("none", "young_customers", "new_line", "concept_change")
"""``young_customers``: twelve years younger, so poorer and with other jobs. ``new_line``: a contact line never seen.
``concept_change``: the same rows, but a subscription is less likely for each."""

BAD_SHARE = 0.003
CONCEPT_CHANGE = -0.9  # added to the log-odds
JOBS = ("student", "technician", "services", "management", "retired")
BAYES_AUC = 0.776
"""Best possible ROC AUC of columns known before the call, over 300,000 calls of 2026, to 3 digits."""

_NORMALS, _UNIFORMS = 5, 12
_LABEL, _FAULT, _KIND = _UNIFORMS - 3, _UNIFORMS - 2, _UNIFORMS - 1
_PRODUCTION_ID = 100_000_000


def history(seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int) -> pd.DataFrame:
    """All calls known at the end of ``last_day``, oldest first; a later ``last_day`` only adds rows at the end.

    The rows of the first day are the calls of the 180 days up to it.
    """
    import pandas as pd

    days = max(0, (last_day - start).days + 1)
    sizes = [rows_at_start, *[rows_per_day] * (days - 1)] if days else []
    blocks = [
        _calls(seed, start + timedelta(days=day), size, "history", spread=180 if day == 0 else 1)
        for day, size in enumerate(sizes)
    ]
    table = _joined(blocks)
    count = len(table["age"])
    table["id"] = np.arange(1, count + 1)
    _spoil(table)
    return pd.DataFrame({name: table[name] for name in COLUMNS})


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """``rows`` customers about to be called on ``day``: no outcome, no duration, ids never used before."""
    import pandas as pd

    table = _production(seed, day, rows, shift)
    return pd.DataFrame({name: table[name] for name in ("id", *FEATURES)})


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """What became of the calls of :func:`production_day`, same order: ``id``, the target, its true ``probability``."""
    import pandas as pd

    table = _production(seed, day, rows, shift)
    return pd.DataFrame({"id": table["id"], TARGET: table[TARGET], "probability": table["_probability"]})


def log_odds(columns: Mapping[str, Any]) -> Floats:
    """Log-odds of a subscription, float64 ``[n]``, from columns known before the call::

    f = -2.6 + 2.2 [success] - 0.3 [failure] + 0.03 |age - 42| + 0.5 [student or retired] - 0.4 [mortgage]
        - 0.22 min(contacts - 1, 5) - 0.55 (rate - 2.5) + 0.25 ln(balance / 1,000) - 0.6 [telephone]
        + 0.7 [days_since < 7]
    """
    age, contacts, rate = (np.asarray(columns[name], dtype=np.float64) for name in ("age", "contacts", "rate"))
    job, outcome = np.asarray(columns["job"]), np.asarray(columns["previous_outcome"])
    balance = np.asarray(columns["balance"], dtype=np.float64)
    since = np.asarray(columns["days_since"], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        recent = since < 7
    return np.asarray(
        -2.6
        + 2.2 * (outcome == "success")
        - 0.3 * (outcome == "failure")
        + 0.03 * np.abs(age - 42)
        + 0.5 * np.isin(job, ("student", "retired"))
        - 0.4 * (np.asarray(columns["housing"]) == "yes")
        - 0.22 * np.minimum(contacts - 1, 5)
        - 0.55 * (rate - 2.5)
        + 0.25 * np.log(balance / 1000)
        - 0.6 * (np.asarray(columns["contact"]) == "telephone")
        + 0.7 * recent
    )


def true_probability(columns: Mapping[str, Any], added: float = 0.0) -> Floats:
    """``P(subscribed | row)``, float64 ``[n]``; ``added`` log-odds model a change of the concept."""
    return np.asarray(1.0 / (1.0 + np.exp(-(log_odds(columns) + added))))


def population(seed: int, rows: int) -> dict[str, Any]:
    """``rows`` faultless calls of 2026 with outcome: for the best possible AUC and for tests."""
    return _calls(seed, date(2026, 12, 31), rows, "population", spread=365)


def _production(seed: int, day: date, rows: int, shift: str) -> dict[str, Any]:
    if shift not in SHIFTS:
        raise ValueError(f"no shift {shift!r}; choose one of: {', '.join(SHIFTS)}")
    table = _calls(
        seed, day, rows, "production", younger=12.0 if shift == "young_customers" else 0.0,
        new_line=shift == "new_line", added=CONCEPT_CHANGE if shift == "concept_change" else 0.0,
    )  # fmt: skip
    table["id"] = _PRODUCTION_ID + day.toordinal() * 100_000 + np.arange(rows)
    return table


def _calls(
    seed: int, day: date, rows: int, use: str, spread: int = 1, younger: float = 0.0, new_line: bool = False,
    added: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """One block of calls on the ``spread`` days that end with ``day``, oldest first."""
    stream = {"history": 0, "production": 1, "population": 2}[use]
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 31, stream, day.toordinal()])))
    # Row by row, so that a row stays the same however many follow.
    draws = generator.random((rows, _UNIFORMS + 2 * _NORMALS))
    uniform, pairs = draws[:, :_UNIFORMS], draws[:, _UNIFORMS:]
    normal = np.sqrt(-2.0 * np.log1p(-pairs[:, :_NORMALS])) * np.cos(2.0 * np.pi * pairs[:, _NORMALS:])
    ordinal = day.toordinal() - (spread - 1) + (np.arange(rows) * spread) // max(rows, 1)
    table = _customers(normal, uniform, younger)
    table |= _past(normal, uniform)
    table["contact"] = np.where(uniform[:, 5] < 0.65, "cellular", "telephone").astype(object)
    if new_line:
        table["contact"][uniform[:, _KIND] < 0.3] = "video"
    table["contacts"] = np.minimum(1 + np.floor(np.log1p(-uniform[:, 6]) / np.log(0.55)), 30).astype(np.int64)
    table["rate"] = np.round(2.5 + 1.5 * np.sin(2 * np.pi * (ordinal - 738_000) / 500.0), 3)
    table["called_on"] = np.array([date.fromordinal(int(value)).isoformat() for value in ordinal], dtype=object)
    probability = true_probability(table, added)
    table[TARGET] = (uniform[:, _LABEL] < probability).astype(np.int64)
    longer = np.where(table[TARGET] == 1, 6.2, 5.1)
    table[AFTER] = np.round(np.exp(longer + 0.65 * normal[:, 4])).astype(np.int64)
    table["_probability"], table["_fault"], table["_kind"] = probability, uniform[:, _FAULT], uniform[:, _KIND]
    return table


def _customers(normal: Floats, uniform: Floats, younger: float) -> dict[str, Any]:
    age = np.clip(np.floor(24 + 15 * np.exp(0.5 * normal[:, 0]) - younger), 18, 90)
    job = np.asarray(JOBS, dtype=object)[1 + np.minimum((uniform[:, 0] * 3).astype(np.int64), 2)]
    job[(age < 27) & (uniform[:, 1] < 0.4)] = "student"
    job[(age >= 62) & (uniform[:, 1] < 0.85)] = "retired"
    education = np.asarray(["basic", "secondary", "university"], dtype=object)[
        np.searchsorted([0.3, 0.7], uniform[:, 2], side="right")
    ]
    level = 6.7 + 0.012 * (age - 40) + 0.3 * (education == "university")
    balance = np.round(np.exp(level + 0.8 * normal[:, 1])) + 1
    mortgage = uniform[:, 3] < 1.0 / (1.0 + np.exp(0.08 * (np.abs(age - 38) - 12)))
    return {
        "age": age.astype(np.int64), "job": job, "education": education, "balance": balance.astype(np.int64),
        "housing": np.where(mortgage, "yes", "no").astype(object),
    }  # fmt: skip


def _past(normal: Floats, uniform: Floats) -> dict[str, Any]:
    called = uniform[:, 4] < 0.25
    open_to_it = 1.0 / (1.0 + np.exp(-(-1.0 + 0.8 * normal[:, 2])))
    outcome = np.where(uniform[:, 7] < open_to_it, "success", "failure").astype(object)
    outcome[~called] = "nonexistent"
    return {
        "previous": np.where(called, 1 + np.minimum(np.floor(4 * uniform[:, 8] ** 2), 3), 0).astype(np.int64),
        "days_since": np.where(called, np.clip(np.round(np.exp(2.6 + 0.9 * normal[:, 3])), 1, 400), np.nan),
        "previous_outcome": outcome,
    }


def _joined(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    if not blocks:
        blocks = [_calls(0, date(2026, 1, 1), 0, "history")]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _spoil(table: dict[str, Any]) -> None:
    """``BAD_SHARE`` of the rows get one fault each, of three kinds."""
    bad = table["_fault"] < BAD_SHARE
    which = np.minimum((table["_kind"] * 3).astype(np.int64), 2)
    table["age"][bad & (which == 0)] = 199
    table["job"][bad & (which == 1)] = None
    table["contact"][bad & (which == 2)] = "fax"
