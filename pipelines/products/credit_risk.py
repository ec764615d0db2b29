"""Derived features of a card holder's last six months: how full the line is, how much is paid back, which way it goes.

Month 1 is the latest statement; the payment of month m settles the bill of month m + 1. A delay is in months, 0 is
revolving credit, -1 paid in full, -2 no use. Each feature is a function of one row's raw numeric columns, none of
them protected; a value that cannot be had (no bill to pay) is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MONTHS = (1, 2, 3, 4, 5, 6)
DELAYS = ("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")
MOST = 3.0  # a payment counts for at most so many times its bill
FADE = 0.6  # a delay counts for so much less with each month that it lies back


def derive(columns: Mapping[str, Array]) -> dict[str, Array]:
    """``{feature: float64 [n]}`` from ``LIMIT_BAL``, ``PAY_*``, ``BILL_AMT*`` and ``PAY_AMT*``."""
    limit = columns["LIMIT_BAL"]
    bills = [columns[f"BILL_AMT{month}"] for month in MONTHS]
    payments = [columns[f"PAY_AMT{month}"] for month in MONTHS]
    delays = [columns[name] for name in DELAYS]
    return {
        **line_use(limit, bills),
        **repayment(limit, bills, payments),
        **spending(limit, bills, payments),
        **delinquency(delays),
        **arrears(limit, bills, payments, delays),
    }


def line_use(limit: Array, bills: list[Array]) -> dict[str, Array]:
    """How much of the credit line the bills take, and where that is going."""
    features = {f"utilisation_{month}": bill / limit for month, bill in zip(MONTHS, bills, strict=True)}
    features["utilisation_mean"] = total(bills) / (6.0 * limit)
    features["utilisation_max"] = highest(bills) / limit
    features["utilisation_min"] = lowest(bills) / limit
    features["utilisation_trend"] = (bills[0] - bills[5]) / limit
    features["utilisation_spread"] = spread(bills) / limit
    features["room"] = limit - bills[0]
    features["bill_growth"] = np.clip(ratio(bills[0] - bills[1], np.abs(bills[1])), -2.0, 5.0)
    features["months_without_bill"] = count(bill <= 0 for bill in bills)
    features["months_in_credit"] = count(bill < 0 for bill in bills)
    return features


def repayment(limit: Array, bills: list[Array], payments: list[Array]) -> dict[str, Array]:
    """What was paid, of each bill and of the line."""
    shares = [np.minimum(ratio(payments[m], bills[m + 1]), MOST) for m in range(5)]
    features = {f"paid_share_{month}": share for month, share in zip(MONTHS, shares, strict=False)}
    owed = total([np.maximum(bill, 0.0) for bill in bills[1:]])
    features["paid_share"] = np.minimum(ratio(total(payments[:5]), owed), MOST)
    features["paid_share_min"] = np.fmin.reduce(shares) + 0.0  # of two zeros, which sign wins depends on the row count
    features |= {f"unpaid_{month}": (bills[month] - payments[month - 1]) / limit for month in MONTHS[:5]}
    features |= {f"payment_to_limit_{month}": payments[month - 1] / limit for month in MONTHS}
    features["payment_total"] = total(payments)
    features["payment_to_limit"] = total(payments) / (6.0 * limit)
    features["payment_min"] = lowest(payments)
    features["payment_max"] = highest(payments)
    features["payment_spread"] = spread(payments) / limit
    features["months_without_payment"] = count(payment == 0 for payment in payments)
    return features


def spending(limit: Array, bills: list[Array], payments: list[Array]) -> dict[str, Array]:
    """What was newly bought each month: the bill's change plus what was paid."""
    return {
        f"spending_{month}": (bills[month - 1] - bills[month] + payments[month - 1]) / limit for month in MONTHS[:5]
    }


def delinquency(delays: list[Array]) -> dict[str, Array]:
    """How often, how long, how lately payment was late."""
    late = [np.maximum(delay, 0.0) for delay in delays]
    known = total(delays)  # NaN where a month is not known
    since = np.full(known.shape, 7.0)
    for place in range(5, -1, -1):
        since = np.where(delays[place] > 0, float(place), since)
    running, streak = np.ones(known.shape), np.zeros(known.shape)
    for delay in delays:
        running = running * np.where(delay > 0, 1.0, 0.0)
        streak = streak + running
    return {
        "months_late": count(delay > 0 for delay in delays),
        "months_very_late": count(delay >= 2 for delay in delays),
        "months_revolving": count(delay == 0 for delay in delays),
        "months_paid_in_full": count(delay == -1 for delay in delays),
        "months_not_used": count(delay == -2 for delay in delays),
        "delay_max": highest(delays),
        "delay_min": lowest(delays),
        "delay_mean": known / 6.0,
        "delay_sum": total(late),
        "delay_faded": total([delay * FADE**place for place, delay in enumerate(late)]),
        "delay_change": delays[0] - delays[1],
        "delay_trend": (delays[0] + delays[1] + delays[2] - delays[3] - delays[4] - delays[5]) / 3.0,
        "months_since_late": since,
        "late_streak": streak,
    }


def arrears(limit: Array, bills: list[Array], payments: list[Array], delays: list[Array]) -> dict[str, Array]:
    """Delay and money together."""
    late = total([np.maximum(delay, 0.0) for delay in delays])
    return {
        "delays_times_use": late * bills[0] / limit,
        "delay_times_use": delays[0] * bills[0] / limit,
        "delay_pattern": 10.0 * delays[0] + delays[1],
        "use_in_arrears": np.where(delays[0] > 0, bills[0] / limit, 0.0),
        "payment_in_arrears": np.where(delays[0] > 0, payments[0] / limit, -1.0),
    }


def ratio(part: Array, whole: Array) -> Array:
    """``part / whole`` where the whole is above zero, else NaN."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def total(values: list[Array]) -> Array:
    """Sum over months, in order: the same bits for a row alone and in a table."""
    answer = values[0]
    for value in values[1:]:
        answer = answer + value
    return answer


def highest(values: list[Array]) -> Array:
    """Largest of the months."""
    return np.asarray(np.maximum.reduce(values)) + 0.0  # zeros without a sign, as in a row alone


def lowest(values: list[Array]) -> Array:
    """Smallest of the months."""
    return np.asarray(np.minimum.reduce(values)) + 0.0


def spread(values: list[Array]) -> Array:
    """Standard deviation over the months."""
    mean = total(values) / len(values)
    return np.sqrt(total([(value - mean) * (value - mean) for value in values]) / len(values))


def count(months: Iterable[NDArray[np.bool_]]) -> Array:
    """In how many months a condition holds."""
    return total([np.where(month, 1.0, 0.0) for month in months])
