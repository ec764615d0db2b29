"""Derived features of a campaign call: what earlier contacts say. Each is a function of one row's raw numeric columns.

``pdays`` is the days since the last call of an earlier campaign, 999 where there was none.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEVER = 999  # pdays of a customer who was not called before


def derive(columns: Mapping[str, Array]) -> dict[str, Array]:
    """``{feature: float64 [n]}`` from ``pdays``, ``previous``, ``campaign`` and ``age``."""
    called = columns["pdays"] < NEVER
    tries = np.maximum(columns["campaign"], 1.0)
    return {
        "called_before": called.astype(np.float64),
        "days_since_call": np.where(called, columns["pdays"], np.nan),
        "earlier_per_try": columns["previous"] / tries,
        "log_tries": np.log(tries),
        "age_from_middle": np.abs(columns["age"] - 42.0),
    }
