"""Picked replies as the answers that a client gets, and how far two lists of answers are apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.problems.reply.answer.ranking import Pick

ALTERNATIVES = 3
WORD = re.compile(r"\s*\S+|\s+$")


def as_answer(picked: Pick, names: Sequence[str], explain: bool = False) -> dict[str, Any]:
    """One JSON object: ``reply`` (None where there is none), ``action``, ``confidence``, ``hand_over``, ``why``, and
    ``evidence``: ids of past situations that support it, with their cosine. ``explain`` adds ``alternatives``."""
    best = picked.ranked[0][0] if picked.ranked else None
    answer: dict[str, Any] = {
        "reply": picked.text or None,
        "action": names[picked.action] if picked.action >= 0 else None,
        "confidence": picked.confidence,
        "hand_over": picked.hand_over,
        "why": picked.why,
        "evidence": [] if best is None else [{"turn": turn, "cosine": cosine} for turn, cosine in best.evidence],
    }
    if explain:
        answer["alternatives"] = [
            {"reply": candidate.text, "action": names[candidate.action], "quality": quality}
            for candidate, quality in picked.ranked[1 : 1 + ALTERNATIVES]
        ]
    return answer


def as_parts(answer: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A whole answer as events: ``verdict`` before any text, so that nobody shows a customer what is for an agent's
    eyes; ``evidence``; then the reply in words, ``piece`` by ``piece``, which put together are the reply."""
    words = WORD.findall(answer["reply"] or "")
    return [
        ("verdict", {name: answer[name] for name in ("action", "confidence", "hand_over", "why")}),
        ("evidence", {"evidence": answer["evidence"]}),
        *(("piece", {"text": word}) for word in words),
    ]


def largest_difference(given: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> float:
    """Largest difference of a confidence; infinite where a reply, an action or a hand-over is another."""
    if len(given) != len(wanted):
        return float("inf")
    worst = 0.0
    for one, other in zip(given, wanted, strict=True):
        if any(one.get(name) != other.get(name) for name in ("reply", "action", "hand_over")):
            return float("inf")
        worst = max(worst, abs(float(one["confidence"]) - float(other["confidence"])))
    return worst
