"""Scores as the answers that a client gets, and how far two lists of answers are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.problems.tabular.answer.predictor import Predictor

FloatArray = NDArray[np.float64]


def as_answers(predictor: Predictor, scores: FloatArray) -> list[dict[str, Any]]:
    """One JSON object per row.

    Args:
        predictor: whose scores these are.
        scores: P(positive) ``[n]``, probabilities ``[n, k]``, or values ``[n]``.

    Returns:
        binary ``{"score": P(positive), "decision": class, "threshold": probability}``; multiclass ``{"score": {class:
        probability}, "decision": class}``; regression ``{"score": value}``.
    """
    decided = predictor.decide(scores)
    if decided is None:
        return [{"score": value} for value in scores.tolist()]
    classes = predictor.classes
    if predictor.task == "binary":
        threshold = predictor.threshold
        return [
            {"score": value, "decision": classes[index], "threshold": threshold}
            for value, index in zip(scores.tolist(), decided.tolist(), strict=True)
        ]
    names = [str(value) for value in classes]
    return [
        {"score": dict(zip(names, row, strict=True)), "decision": classes[index]}
        for row, index in zip(scores.tolist(), decided.tolist(), strict=True)
    ]


def largest_difference(given: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> float:
    """Largest absolute difference of a score; infinite where the lists, classes or decisions are not the same."""
    if len(given) != len(wanted):
        return float("inf")
    return max((_difference(one, other) for one, other in zip(given, wanted, strict=True)), default=0.0)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    if one.get("decision") != other.get("decision"):
        return float("inf")
    left, right = _numbers(one.get("score")), _numbers(other.get("score"))
    if not right or set(left) != set(right):
        return float("inf")
    return max(abs(left[name] - right[name]) / max(1.0, abs(right[name])) for name in right)


def _numbers(score: Any) -> dict[str, float]:
    given = score if isinstance(score, Mapping) else {"": score}
    return {name: float(value) for name, value in given.items() if isinstance(value, int | float)}
