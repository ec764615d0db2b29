"""What a recurrent network reads of a series at an origin: its last steps, and nothing after them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.models.sequence import SequenceNet
from pipelines.problems.forecast.core.lags import Array, Origin, relative, worked

CHANNELS = 5
FURTHEST = 20.0


def windows(origin: Origin, series: NDArray[np.int64]) -> NDArray[np.float32]:
    """The stretch that makes the level, a whole season at a time, ``[m, seasons, season * 5]`` (where it is but one
    season, a step at a time).

    The channels of a step: value relative to the level (asinh), whether it is known, promotion state, and the place in
    the season as a point on a circle. Unknown steps are 0.

    Args:
        origin: what is known.
        series: places in the history ``[m]``.
    """
    rhythm, past = origin.rhythm, origin.history
    found = np.zeros((len(series), rhythm.level, CHANNELS), dtype=np.float32)
    values, state = past.values[series][:, -rhythm.level :], past.state[series][:, -rhythm.level :]
    held = values.shape[1]
    if held:
        known = ~np.isnan(values)
        with np.errstate(all="ignore"):
            apart = relative(worked(values, origin.scale), origin.level[series][:, None], origin.scale)
        apart = np.where(known & np.isfinite(apart), np.clip(apart, -FURTHEST, FURTHEST), 0.0)
        turn = 2.0 * np.pi * rhythm.slot(np.arange(past.end - held, past.end)) / rhythm.slots
        found[:, -held:, 0] = np.arcsinh(apart)
        found[:, -held:, 1] = known
        found[:, -held:, 2] = state > 0
        found[:, -held:, 3], found[:, -held:, 4] = np.sin(turn), np.cos(turn)
    together = rhythm.season if rhythm.level > rhythm.season and rhythm.level % rhythm.season == 0 else 1
    return found.reshape(len(series), rhythm.level // together, together * CHANNELS)


def relatives(nets: Sequence[SequenceNet], origin: Origin, series: NDArray[np.int64], design: Design) -> Array:
    """Relative forecasts ``[n]``, the mean of the networks.

    Args:
        nets: at least one.
        origin: what is known.
        series: place of each row's series ``[n]``.
        design: features of the rows.
    """
    unique, place = np.unique(series, return_inverse=True)
    read = windows(origin, unique)
    states = [net.encode(read)[place.reshape(-1)] for net in nets]
    found = [net.answer(state, design.numeric, design.categorical) for net, state in zip(nets, states, strict=True)]
    return np.asarray(np.mean(found, axis=0), dtype=np.float64)
