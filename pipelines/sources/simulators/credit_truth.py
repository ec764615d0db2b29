"""The true probability of default in the credit simulator, and the best ROC AUC that any model can reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PAY = ("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")
BILL = tuple(f"BILL_AMT{month}" for month in range(1, 7))
PAID = tuple(f"PAY_AMT{month}" for month in range(1, 7))

BAYES_AUC = 0.819
"""Best possible ROC AUC: :func:`bayes_auc` over 1,000,000 clients, rounded to 3 digits."""
BASE_RATE = 0.219
"""Share of clients that default, over the same clients."""


def sigmoid(value: Floats) -> Floats:
    """``1 / (1 + exp(-value))``."""
    return 1.0 / (1.0 + np.exp(-value))


def log_odds(columns: Mapping[str, Any], holiday: NDArray[np.bool_] | None = None) -> Floats:
    """Log-odds of default, ``f``; float64 ``[n]``. Protected columns are not in it.

    With ``L`` the limit, ``u = BILL_AMT1 / L``, ``g = (BILL_AMT1 - BILL_AMT6) / L``, ``d`` the number of months 2-6
    that were 2 or more late, ``r`` the payments of months 1-5 over the bills of months 2-6 (0 to 1)::

        f = -2.44 + 0.7 [PAY_0 = 1] + 1.9 [PAY_0 >= 2] + 0.25 min(max(PAY_0 - 2, 0), 3) + 0.65 sqrt(d)
            - 0.5 ln(L / 100,000) + 1.7 [PAY_0 = 0, u > 0.75] + 1.5 [g > 0.2, r < 0.08]
            - 1.2 [PAY_0 = 0, u < 0.4, r > 0.06] + 0.9 [PAY_0 = -1, u > 0.05]

    In rows of ``holiday`` (bool ``[n]``) payments may be skipped, and instead
    ``f = -3.6 - 0.25 ln(L / 100,000) + 0.15 sqrt(d) + 4 min(u, 1) + 1.2 [g > 0.2]``.
    """
    get = {name: np.asarray(columns[name], dtype=np.float64) for name in ("LIMIT_BAL", *PAY, *BILL, *PAID)}
    limit, now = get["LIMIT_BAL"], get["PAY_0"]
    months_late = sum((get[name] >= 2).astype(np.float64) for name in PAY[1:])
    use = get["BILL_AMT1"] / limit
    growth = (get["BILL_AMT1"] - get["BILL_AMT6"]) / limit
    bills = sum(np.maximum(get[name], 0.0) for name in BILL[1:])
    repaid = np.clip(sum(get[name] for name in PAID[:5]) / np.maximum(bills, 1.0), 0.0, 1.0)
    revolving = now == 0
    usual = np.asarray(
        -2.44
        + 0.7 * (now == 1)
        + 1.9 * (now >= 2)
        + 0.25 * np.clip(now - 2, 0, 3)
        + 0.65 * np.sqrt(months_late)
        - 0.5 * np.log(limit / 100_000)
        + 1.7 * (revolving & (use > 0.75))
        + 1.5 * ((growth > 0.2) & (repaid < 0.08))
        - 1.2 * (revolving & (use < 0.4) & (repaid > 0.06))
        + 0.9 * ((now == -1) & (use > 0.05))
    )
    if holiday is None or not holiday.any():
        return usual
    skipped = -3.6 - 0.25 * np.log(limit / 100_000) + 0.15 * np.sqrt(months_late) + 4.0 * np.clip(use, 0, 1)
    return np.asarray(np.where(holiday, skipped + 1.2 * (growth > 0.2), usual), dtype=np.float64)


def true_probability(
    columns: Mapping[str, Any], added: Floats | float = 0.0, holiday: NDArray[np.bool_] | None = None
) -> Floats:
    """``P(default | row)``, float64 ``[n]``; ``added`` log-odds model a change of the concept, ``holiday`` as above."""
    return sigmoid(log_odds(columns, holiday) + added)


def bayes_auc(probability: Floats) -> float:
    """Expected ROC AUC of ranking by the true probability; no labels are drawn.

    ``P(p_i > p_j | y_i = 1, y_j = 0)`` with pair weights ``p_i (1 - p_j)``, ties one half; O(n log n).
    """
    p = np.sort(np.asarray(probability, dtype=np.float64))
    _, start = np.unique(p, return_index=True)
    positive = np.add.reduceat(p, start)
    negative = np.add.reduceat(1.0 - p, start)
    below = np.cumsum(negative) - negative
    return float((positive * (below + 0.5 * negative)).sum() / (positive.sum() * negative.sum()))
