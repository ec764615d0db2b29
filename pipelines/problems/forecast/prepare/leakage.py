"""Does a feature know the future? Later demand is replaced by nonsense; no feature of the origin may change."""

from __future__ import annotations

import numpy as np

from pipelines.problems.forecast.core.history import History
from pipelines.problems.forecast.core.lags import origin_at
from pipelines.problems.forecast.core.spec import Spec

SERIES = 50  # at most so many are looked at


def moved_features(history: History, spec: Spec, origin: int) -> list[str]:
    """Names of history features of ``origin`` that change when the demand of later steps does."""
    few = np.unique(np.linspace(0, len(history.keys) - 1, SERIES).astype(np.int64))
    values, state = history.values[few].copy(), history.state[few].copy()
    static = {name: column[few] for name, column in history.static.items()}
    keys = tuple(history.keys[place] for place in few.tolist())
    known = History(history.frequency, history.start, keys, values.copy(), state.copy(), static)
    later = max(0, origin + 1 - history.start)
    values[:, later:] = np.where(np.isnan(values[:, later:]), 1e4, np.nan)
    state[:, later:] = 1 - np.maximum(state[:, later:], 0)
    other = History(history.frequency, history.start, keys, values, state, static)
    ahead = np.arange(1, spec.horizon + 1)
    series, steps = np.repeat(np.arange(len(few)), spec.horizon), np.tile(origin + ahead, len(few))
    wanted = np.zeros(len(series), dtype=np.int64)
    first, second = (origin_at(one, origin, spec.scale).features(series, steps, wanted) for one in (known, other))
    return [name for name in first if not np.array_equal(first[name], second[name], equal_nan=True)]
