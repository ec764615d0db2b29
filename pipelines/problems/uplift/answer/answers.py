"""Expected uplift as the answers that a client gets, and how far two lists of answers are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.problems.uplift.answer.predictor import Predictor

FloatArray = NDArray[np.float64]

DIGITS = 10


def as_answers(predictor: Predictor, told: FloatArray) -> list[dict[str, Any]]:
    """One JSON object per row.

    Args:
        predictor: whose numbers these are.
        told: uplift as the trees have it, ``[n, k]``.

    Returns:
        ``score``: expected uplift per arm, 0 for the control; ``decision``: the recommended arm; ``gain``: what the
        offer brings after its cost; ``interval``: per offer, of the mean effect among customers like it; ``rank``: per
        offer, share of customers with a lower uplift.
    """
    uplift = predictor.uplift(told)
    low, high = predictor.intervals(told)
    rank, offer = predictor.ranks(uplift), predictor.offers(uplift)
    gain = predictor.stakes.value * uplift - np.asarray(predictor.stakes.costs)
    names = [str(name) for name in predictor.arms]
    answers: list[dict[str, Any]] = []
    for row, chosen in enumerate(offer.tolist()):
        answers.append(
            {
                "score": {names[0]: 0.0, **_named(names, uplift[row])},
                "decision": predictor.arms[chosen],
                "gain": _plain(gain[row, chosen - 1]) if chosen else 0.0,
                "interval": {
                    name: [_plain(a), _plain(b)] for name, a, b in zip(names[1:], low[row], high[row], strict=True)
                },
                "rank": _named(names, rank[row]),
            }
        )
    return answers


def _named(names: Sequence[str], values: FloatArray) -> dict[str, float]:
    return {name: _plain(value) for name, value in zip(names[1:], values, strict=True)}


def _plain(value: Any) -> float:
    return float(f"{float(value):.{DIGITS}g}")


def largest_difference(given: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> float:
    """Largest absolute difference of an uplift; infinite where the lists, arms or recommended offers are not the same.

    An offer may differ where both answers gain the same within the difference: chance decides between equal offers.
    """
    if len(given) != len(wanted):
        return float("inf")
    return max((_difference(one, other) for one, other in zip(given, wanted, strict=True)), default=0.0)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    left, right = one.get("score"), other.get("score")
    if not isinstance(left, Mapping) or not isinstance(right, Mapping) or set(left) != set(right) or not right:
        return float("inf")
    apart = max(abs(float(left[name]) - float(right[name])) for name in right)
    if one.get("decision") == other.get("decision"):
        return apart
    gains = abs(float(one.get("gain", 0.0)) - float(other.get("gain", 0.0)))
    return max(apart, gains) if max(apart, gains) < 1e-9 else float("inf")
