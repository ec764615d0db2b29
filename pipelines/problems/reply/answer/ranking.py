"""The ranker: which candidate is said, how good it is likely to be, and when a person must look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.problems.reply.core.candidates import Candidate, Proposals
from pipelines.problems.reply.core.dialogue import Situation
from pipelines.problems.reply.core.slots import foreign_parts

FloatArray = NDArray[np.float64]
LONGEST = 600  # characters of a reply
DIGITS = 6  # of a score: equal ones are told apart by the candidates' order


@dataclass(frozen=True)
class Ranker:
    """Expected quality of a candidate (ROUGE-L with what a person would say, 0 to 1), logistic in its features.

    Attributes:
        mean: float64 ``[f]``.
        scale: float64 ``[f]``.
        weight: float64 ``[f]``.
        bias: intercept.
    """

    mean: FloatArray
    scale: FloatArray
    weight: FloatArray
    bias: float

    def quality(self, features: FloatArray) -> FloatArray:
        """Expected quality ``[n]`` of candidates ``[n, f]``."""
        raw = ((features - self.mean) / self.scale) @ self.weight + self.bias
        return np.asarray(np.round(1.0 / (1.0 + np.exp(-raw)), DIGITS))

    def to_json(self) -> dict[str, Any]:
        parts = {"mean": self.mean, "scale": self.scale, "weight": self.weight}
        return {
            **{name: [float(f"{v:.9g}") for v in part] for name, part in parts.items()},
            "bias": float(f"{self.bias:.9g}"),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Ranker:
        mean, scale, weight = (np.array(content[name], dtype=np.float64) for name in ("mean", "scale", "weight"))
        return Ranker(mean, scale, weight, float(content["bias"]))


@dataclass(frozen=True)
class Pick:
    """The reply of one situation.

    Attributes:
        text: what is said; empty where nothing can be.
        action: place of the next action, -1 where the situation cannot be read.
        confidence: chance that a person would say much the same, 0 to 1.
        hand_over: a person must answer.
        why: of the hand-over, or nothing.
        ranked: candidates with their qualities, best first.
    """

    text: str
    action: int
    confidence: float
    hand_over: bool
    why: str
    ranked: list[tuple[Candidate, float]]


def pick(situation: Situation, proposals: Proposals, ranker: Ranker, threshold: float) -> Pick:
    """Choose the best candidate, or hand over."""
    fit = [candidate for candidate in proposals.candidates if 0 < len(candidate.text) <= LONGEST]
    if situation.trouble:
        return Pick("", -1, 0.0, True, situation.trouble, [])
    if not fit:
        return Pick("", proposals.action, 0.0, True, "nothing that was said before fits", [])
    quality = ranker.quality(np.array([candidate.features for candidate in fit], dtype=np.float64))
    order = np.argsort(-quality, kind="stable").tolist()
    ranked = [(fit[place], float(quality[place])) for place in order]
    best, confidence = ranked[0]
    why = "" if confidence >= threshold else "not sure enough"
    if not why and foreign_parts(best.text, situation):
        why = "it holds a number or name from elsewhere"
    return Pick(best.text, proposals.action, confidence, bool(why), why, ranked)


def picks(
    situations: Sequence[Situation], proposals: Sequence[Proposals], ranker: Ranker, threshold: float
) -> list[Pick]:
    """:func:`pick` for each situation, in order."""
    return [pick(one, made, ranker, threshold) for one, made in zip(situations, proposals, strict=True)]
