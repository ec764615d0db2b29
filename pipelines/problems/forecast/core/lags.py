"""Features of an origin: what the history up to it, and nothing after it, says about each step of the horizon.

Everything is relative to the series' own level at the origin, so that one model learns from small and large series
alike. On the ``log`` scale the level is the mean log of the value and features are differences to it; on the ``ratio``
scale it is the mean value, and features are ratios.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.problems.forecast.core.history import History
from pipelines.problems.forecast.core.rhythm import RHYTHMS, Rhythm, Steps

Scale = Literal["log", "ratio"]
Array = NDArray[np.float64]

SHRINK = 4.0  # a series' spread counts as much as so many observations of the usual spread


def worked(values: NDArray[np.floating], scale: Scale) -> Array:
    """Values on the working scale, before the level is taken off."""
    numbers = values.astype(np.float64)
    return np.log(np.maximum(numbers, 1.0)) if scale == "log" else numbers


def relative(values: Array, level: Array, scale: Scale) -> Array:
    """Worked values relative to a level."""
    return values - level if scale == "log" else values / level


def absolute(relatives: Array, level: Array, scale: Scale) -> Array:
    """Relative values back as demand, never below 0."""
    return np.exp(np.minimum(relatives + level, 60.0)) if scale == "log" else np.maximum(relatives * level, 0.0)


@dataclass(frozen=True)
class Origin:
    """What is known at one origin.

    Attributes:
        step: the origin, the last step that is known.
        level: float64 ``[S]``; NaN for a series without history.
        spread: float64 ``[S]``: standard deviation of the relative value around its slot's mean.
    """

    step: int
    level: Array
    spread: Array
    history: History
    rhythm: Rhythm
    scale: Scale
    means: dict[str, Array]
    slots: dict[str, Array]
    totals: Array
    counts: Array

    def features(self, series: NDArray[np.int64], steps: Steps, state: NDArray[np.int64]) -> dict[str, Array]:
        """History features of ``n`` (series, step, promotion state) triples: float64 ``[n]``, NaN where unknown."""
        rhythm, level = self.rhythm, self.level[series]
        slot, known = rhythm.slot(steps), np.maximum(state, 0)
        found: dict[str, Array] = {"horizon": (steps - self.step).astype(np.float64)}
        found |= {name: values[series] for name, values in self.means.items()}
        found |= {name: values[series, known, slot] for name, values in self.slots.items()}
        ahead = steps - self.step
        for name, length in (("lag_season", rhythm.season), ("lag_two_seasons", 2 * rhythm.season)):
            back = -(-ahead // length) * length
            found[name] = self._at(series, steps - back, level)
        last_year = steps - -(-ahead // rhythm.year) * rhythm.year
        found["last_year"] = self._at(series, last_year, level)
        before = self.means["_level_last_year"][series]
        with np.errstate(all="ignore"):
            found["last_year_change"] = relative(
                worked(self.history.at(series, last_year, self.step + 1), self.scale), before, self.scale
            )
            for near in rhythm.near:
                mean = self._box(series, last_year - near, last_year + near + 1)
                found[f"last_year_near_{near}"] = relative(mean, before, self.scale)
        return {name: values for name, values in found.items() if not name.startswith("_")}

    def usual(self, series: NDArray[np.int64], steps: Steps, state: NDArray[np.int64]) -> Array:
        """Mean demand in the same slot and promotion state over the longest stretch ``[n]``; NaN where unknown."""
        mean = self.slots["_usual"][series, np.maximum(state, 0), self.rhythm.slot(steps)]
        return absolute(mean, self.level[series], self.scale)

    def _at(self, series: NDArray[np.int64], steps: Steps, level: Array) -> Array:
        with np.errstate(all="ignore"):
            return relative(worked(self.history.at(series, steps, self.step + 1), self.scale), level, self.scale)

    def _box(self, series: NDArray[np.int64], low: Steps, high: Steps) -> Array:
        """Mean worked value over the known steps from ``low`` to before ``high``, never after the origin."""
        width = self.totals.shape[1] - 1
        first = np.clip(low - self.history.start, 0, width)
        last = np.clip(high - self.history.start, 0, width)
        count = self.counts[series, last] - self.counts[series, first]
        with np.errstate(all="ignore"):
            return np.where(count > 0, (self.totals[series, last] - self.totals[series, first]) / count, np.nan)


def origin_at(history: History, step: int, scale: Scale) -> Origin:
    """What is known at the end of ``step``. Values of later steps are never touched."""
    rhythm = RHYTHMS[history.frequency]
    past = history.cut(step + 1 - rhythm.reach, step + 1)
    values = worked(past.values, scale)
    end = past.values.shape[1]
    slot = rhythm.slot(np.arange(past.start, past.end))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        level = _level(values, rhythm.level, scale)
        means = {f"mean_{span}": relative(_mean(values[:, -span:]), level, scale) for span in rhythm.spans}
        recent, part = values[:, -rhythm.level :], past.values[:, -rhythm.level :]
        present = (~np.isnan(part)).sum(axis=1)
        means["known"] = present.astype(np.float64)
        means["level"] = level if scale == "log" else np.log1p(level)
        means["zeros"] = (part == 0).sum(axis=1) / np.maximum(present, 1)
        means["since_sale"] = _since(past.values)
        last_level = _level(values[:, : max(0, end - rhythm.year)], rhythm.level, scale)
        means["_level_last_year"] = last_level
        means["year_growth"] = relative(level, last_level, scale)
        slots, fine = _slot_means(past, values, slot, level, rhythm, scale)
        around = relative(recent, level[:, None], scale) - _spread_out(fine, slot[-rhythm.level :], past, rhythm)
        spread = _shrunk(np.nanstd(around, axis=1), (~np.isnan(around)).sum(axis=1))
        means["spread"] = spread
        for span in rhythm.slot_spans:
            means[f"lift_{span}"] = _lift(past, values, span, scale)
    filled, counted = np.nan_to_num(values), ~np.isnan(values)
    totals = np.concatenate([np.zeros((len(values), 1)), np.cumsum(filled, axis=1)], axis=1)
    counts = np.concatenate([np.zeros((len(values), 1)), np.cumsum(counted, axis=1)], axis=1)
    if not (past.state == 1).any():
        means = {name: column for name, column in means.items() if not name.startswith("lift_")}
    return Origin(step, level, spread, past, rhythm, scale, means, slots, totals, counts)


def _mean(values: Array) -> Array:
    return np.nanmean(values, axis=1) if values.shape[1] else np.full(len(values), np.nan)


def _level(values: Array, span: int, scale: Scale) -> Array:
    """The mean of the last ``span`` steps; of all steps where those hold nothing (ratio: or only zeros)."""
    recent, whole = _mean(values[:, -span:]), _mean(values)
    if scale == "log":
        return np.where(np.isnan(recent), whole, recent)
    level = np.where(recent > 0, recent, whole)
    return np.where(np.isnan(level), np.nan, np.where(level > 0, level, 1.0))


def _since(values: NDArray[np.float32]) -> Array:
    """Known steps since the last sale; NaN for none."""
    sold = values > 0
    last = np.where(sold.any(axis=1), values.shape[1] - 1 - np.argmax(sold[:, ::-1], axis=1), -1)
    return np.where(last >= 0, values.shape[1] - 1.0 - last, np.nan)


def _slot_means(
    past: History, values: Array, slot: Steps, level: Array, rhythm: Rhythm, scale: Scale
) -> tuple[dict[str, Array], Array]:
    """Means per series, promotion state and slot, ``[S, 2, slots]``, for each stretch; and the last of them.

    ``slot_<span>`` disregards the state, ``state_<span>`` the slot.
    """
    found: dict[str, Array] = {}
    shape = (len(values), 2, rhythm.slots)
    fine = np.full(shape, np.nan)
    promoted = bool((past.state == 1).any())
    for span in rhythm.slot_spans:
        part, state, kinds = values[:, -span:], past.state[:, -span:], slot[-span:]
        known = ~np.isnan(part)
        filled = np.where(known, part, 0.0)
        total, count = np.zeros(shape), np.zeros(shape)
        hot = np.eye(rhythm.slots)[kinds]
        for one in (0, 1):
            chosen = known & (state == one)
            total[:, one] = np.where(chosen, filled, 0.0) @ hot
            count[:, one] = chosen.astype(np.float64) @ hot
        fine = relative(total / count, level[:, None, None], scale)
        both = relative(total.sum(axis=1) / count.sum(axis=1), level[:, None], scale)
        found[f"slot_{span}"] = np.repeat(both[:, None], 2, axis=1)
        fine = np.where(np.isnan(fine), found[f"slot_{span}"], fine)
        if promoted:
            found[f"slot_state_{span}"] = fine
            alone = relative(total.sum(axis=2) / count.sum(axis=2), level[:, None], scale)
            found[f"state_{span}"] = np.repeat(alone[:, :, None], rhythm.slots, axis=2)
    return {**found, "_usual": fine}, fine


def _spread_out(fine: Array, slot: Steps, past: History, rhythm: Rhythm) -> Array:
    """The slot and state means laid out over the recent steps ``[S, level]``."""
    state = np.maximum(past.state[:, -rhythm.level :], 0)
    return fine[np.arange(len(fine))[:, None], state, slot[None, :]]


def _shrunk(spread: Array, count: NDArray[np.int64]) -> Array:
    usual = float(np.nanmedian(spread)) if np.isfinite(spread).any() else 1.0
    usual = usual if usual > 0 else 1.0
    own = np.nan_to_num(spread)
    return np.sqrt((count * own**2 + SHRINK * usual**2) / (count + SHRINK))


def _lift(past: History, values: Array, span: int, scale: Scale) -> Array:
    """Promotion days against the others, on the working scale."""
    part, state = values[:, -span:], past.state[:, -span:]
    on, off = (_mean(np.where(state == one, part, np.nan)) for one in (1, 0))
    return relative(on, off, scale)
