"""The same measures on named groups of rows, and how far the groups are apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics.intervals import Estimate, percentile_interval
from pipelines.metrics.resampling import draws

FloatArray = NDArray[np.float64]

MAX_GROUPS = 20


@dataclass(frozen=True)
class Gap:
    """The largest difference between groups of one rate.

    Attributes:
        estimate: highest minus lowest rate over the judged groups; NaN with fewer than two.
        highest: name of the group with the highest rate.
        lowest: name of the group with the lowest rate.
    """

    estimate: Estimate
    highest: str
    lowest: str


def groups_of(values: Sequence[Any] | NDArray[Any], edges: Sequence[float] = ()) -> dict[str, NDArray[np.bool_]]:
    """Masks ``[n]`` of named groups.

    Args:
        values: one column ``[n]``.
        edges: bin borders; the bin ``30-40`` holds 30 <= value < 40. Empty: one group per value, the
            ``MAX_GROUPS`` most frequent, then ``other``.

    Returns:
        Groups in order of value; ``missing`` last, where there are such rows.
    """
    if edges:
        return _bins(np.asarray(values), edges)
    names = [_name(value) for value in values]
    counts = Counter(name for name in names if name is not None)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    kept = sorted(ranked[:MAX_GROUPS], key=_natural)
    masks = {name: np.array([other == name for other in names], dtype=bool) for name in kept}
    if len(ranked) > MAX_GROUPS:
        rare = set(ranked[MAX_GROUPS:])
        masks[_unused("other", masks)] = np.array([name in rare for name in names], dtype=bool)
    return _with_missing(masks, np.array([name is None for name in names], dtype=bool))


def _bins(values: NDArray[Any], edges: Sequence[float]) -> dict[str, NDArray[np.bool_]]:
    number = np.array([_number(value) for value in values.tolist()])
    borders = sorted(edges)
    masks = {f"< {_short(borders[0])}": number < borders[0]}
    for low, high in pairwise(borders):
        masks[f"{_short(low)}-{_short(high)}"] = (number >= low) & (number < high)
    masks[f">= {_short(borders[-1])}"] = number >= borders[-1]
    return _with_missing({name: mask for name, mask in masks.items() if mask.any()}, np.isnan(number))


def _with_missing(masks: dict[str, NDArray[np.bool_]], missing: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    return {**masks, _unused("missing", masks): missing} if missing.any() else masks


def _unused(name: str, masks: Mapping[str, Any]) -> str:
    while name in masks:
        name = f"({name})"
    return name


def _name(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _natural(name: str) -> tuple[int, float, str]:
    number = _number(name)
    return (1, 0.0, name) if np.isnan(number) else (0, number, name)


def _short(number: float) -> str:
    return f"{number:g}"


RATES = ("selection_rate", "recall", "precision")


def rates_of(y: NDArray[Any], acted: NDArray[np.bool_], weights: FloatArray) -> dict[str, FloatArray]:
    """``{rate: float64 [b]}`` for weights ``[b, n]``; NaN where a rate is not defined.

    ``selection_rate`` is the share of rows acted on, ``recall`` that of positives acted on, ``precision`` the share of
    positives among the rows acted on.
    """
    positive = (np.asarray(y) == 1).astype(np.float64)
    chosen = acted.astype(np.float64)
    rows, positives, selected, found = (
        weights @ np.column_stack([np.ones_like(chosen), positive, chosen, positive * chosen])
    ).T
    return {
        "selection_rate": _ratio(selected, rows),
        "recall": _ratio(found, positives),
        "precision": _ratio(found, selected),
    }


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(whole > 0, part / whole, np.nan))


def rates(
    y: NDArray[Any], acted: NDArray[np.bool_], resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[dict[str, Estimate], dict[str, FloatArray]]:
    """Selection rate, recall and precision of one group with intervals, and their replicates ``[resamples]``."""
    point = rates_of(y, acted, np.ones((1, len(acted))))
    parts = [rates_of(y, acted, weights) for weights in draws(len(acted), resamples, seed)]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in RATES}
    shown = {name: Estimate(float(point[name][0]), *percentile_interval(drawn[name], confidence)) for name in RATES}
    return shown, drawn


def gap(values: Mapping[str, float], drawn: Mapping[str, FloatArray], confidence: float = 0.95) -> Gap:
    """The gap between the groups of one column.

    The interval is that of the two groups that are furthest apart on the rows as they are, drawn independently.

    Args:
        values: group -> rate, judged groups only.
        drawn: group -> replicates ``[b]`` of that rate.
    """
    defined = {name: value for name, value in values.items() if not np.isnan(value)}
    if len(defined) < 2:
        nan = float("nan")
        return Gap(Estimate(nan, nan, nan), "", "")
    highest = max(defined, key=lambda name: defined[name])
    lowest = min(defined, key=lambda name: defined[name])
    low, high = percentile_interval(drawn[highest] - drawn[lowest], confidence)
    return Gap(Estimate(defined[highest] - defined[lowest], low, high), highest, lowest)
