"""Forecasts as the answers that a client gets, and how far two lists of answers are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.files import json_number
from pipelines.problems.forecast.answer.forecaster import Forecasts


def as_answers(found: Forecasts, levels: Sequence[float]) -> list[dict[str, Any]]:
    """One JSON object per row.

    Returns:
        ``{"score": point forecast, "quantiles": {level: demand}, "ahead": steps, "usual": demand or None}``.
    """
    names = [f"{level:g}" for level in levels]
    return [
        {
            "score": point,
            "quantiles": dict(zip(names, row, strict=True)),
            "ahead": ahead,
            "usual": json_number(usual),
        }
        for point, row, ahead, usual in zip(
            found.point.tolist(), found.quantiles.tolist(), found.ahead.tolist(), found.usual.tolist(), strict=True
        )
    ]


def largest_difference(given: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> float:
    """Largest difference of a point forecast or quantile, relative to what was wanted (absolute below 1); infinite
    where the lists, levels or steps ahead are not the same."""
    if len(given) != len(wanted):
        return float("inf")
    return max((_difference(one, other) for one, other in zip(given, wanted, strict=True)), default=0.0)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    left, right = _numbers(one), _numbers(other)
    if one.get("ahead") != other.get("ahead") or not right or set(left) != set(right):
        return float("inf")
    return max(abs(left[name] - right[name]) / max(1.0, abs(right[name])) for name in right)


def _numbers(answer: Mapping[str, Any]) -> dict[str, float]:
    levels = answer.get("quantiles")
    given = {"score": answer.get("score"), **(levels if isinstance(levels, Mapping) else {})}
    return {name: float(value) for name, value in given.items() if isinstance(value, int | float)}
