"""Probabilities as the answers that a client gets, and how far two lists of answers are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.problems.text.answer.predictor import Predictor
from pipelines.problems.text.core.several import decided, set_confidence

FloatArray = NDArray[np.float64]
CANDIDATES = 5


def as_answers(predictor: Predictor, scores: FloatArray) -> list[dict[str, Any]]:
    """One JSON object per text.

    Returns:
        ``score``: probability per class; ``decision``: the most probable class; ``candidates``: the five most probable
        ones, first first; ``sure``: whether the first one's probability reaches ``threshold`` (``null``: no threshold,
        always sure). Where it is not sure, the decision is to be read as a guess for a person to check. Several labels
        per text: ``decision`` is the list of its labels (it may be empty), ``labels`` the same with their
        confidences, and ``confidence`` the probability of the whole list, which ``threshold`` is held against.
    """
    if predictor.thresholds is not None:
        return _several(predictor, scores, predictor.thresholds)
    names = [str(value) for value in predictor.classes]
    answers = []
    for row in scores:
        order = np.argsort(-row, kind="stable")[:CANDIDATES].tolist()
        top = order[0]
        answers.append(
            {
                "score": dict(zip(names, row.tolist(), strict=True)),
                "decision": predictor.classes[top],
                "candidates": [{"label": predictor.classes[place], "confidence": float(row[place])} for place in order],
                "sure": predictor.threshold is None or bool(row[top] >= predictor.threshold),
                "threshold": predictor.threshold,
            }
        )
    return answers


def _several(predictor: Predictor, scores: FloatArray, thresholds: Sequence[float]) -> list[dict[str, Any]]:
    names = [str(value) for value in predictor.classes]
    given = decided(scores, thresholds)
    answers: list[dict[str, Any]] = []
    for row, has, sure in zip(scores, given, set_confidence(scores, given).tolist(), strict=True):
        order = np.argsort(-row, kind="stable").tolist()
        answers.append(
            {
                "score": dict(zip(names, row.tolist(), strict=True)),
                "decision": [names[place] for place in order if has[place]],
                "labels": [{"label": names[place], "confidence": float(row[place])} for place in order if has[place]],
                "candidates": [
                    {"label": names[place], "confidence": float(row[place])} for place in order[:CANDIDATES]
                ],
                "confidence": sure,
                "sure": predictor.threshold is None or bool(sure >= predictor.threshold),
                "threshold": predictor.threshold,
            }
        )
    return answers


def largest_difference(given: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> float:
    """Largest absolute difference of a probability; infinite where lists, classes or decisions are not the same."""
    if len(given) != len(wanted):
        return float("inf")
    return max((_difference(one, other) for one, other in zip(given, wanted, strict=True)), default=0.0)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    left, right = one.get("score"), other.get("score")
    if not isinstance(left, Mapping) or not isinstance(right, Mapping) or not right or set(left) != set(right):
        return float("inf")
    if one.get("decision") != other.get("decision"):
        return float("inf")
    return max(abs(float(left[name]) - float(right[name])) for name in right)
