"""Replies that could be given, with what the ranker looks at.

They are those of the nearest past situations, the usual ones of the likely actions, and what the encoder-decoder wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.models.retrieval.head import Head
from pipelines.problems.reply.core.dialogue import Situation
from pipelines.problems.reply.core.slots import SLOT, Values, foreign_parts, realise, values_of
from pipelines.problems.reply.core.templates import COMMON, Templates
from pipelines.problems.reply.core.tokens import draft_tokens, pieces, tokens_of

FEATURES = (
    "log_action", "action", "is_top_action", "cosine", "votes", "usual", "agreement", "generated", "log_generated",
    "slots", "words",
)  # fmt: skip
LIKELY = 4  # actions whose usual templates are proposed
USUAL = 3  # templates of each
SHARPNESS = 15.0  # of the votes: exp(SHARPNESS * (cosine - 1))
UNLIKELY = -6.0  # log-probability per token of what the encoder-decoder did not write
EVIDENCE = 3  # past situations named


@dataclass
class Candidate:
    """One reply.

    Attributes:
        text: as it would be said.
        action: place of its action.
        evidence: ``(id of a past situation, cosine)``, nearest first.
        features: float64, in order of ``FEATURES``.
    """

    text: str
    action: int
    slots: int = 0
    usual: float = 0.0
    votes: float = 0.0
    generated: float | None = None
    evidence: list[tuple[str, float]] = field(default_factory=list)
    features: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Proposals:
    """The candidates of one situation, and the next action with its log-probabilities ``[k]``."""

    candidates: list[Candidate]
    log_chances: NDArray[np.float32]

    @property
    def action(self) -> int:
        """Place of the likeliest next action."""
        return int(np.argmax(self.log_chances))


def bags_of(situations: Sequence[Situation], drafts: bool = True) -> tuple[list[list[str]], list[Values]]:
    """Tokens and values of situations."""
    values = [values_of(situation) for situation in situations]
    bags = [tokens_of(situation, held) for situation, held in zip(situations, values, strict=True)]
    if drafts:
        bags = [[*bag, *draft_tokens(situation)] for bag, situation in zip(bags, situations, strict=True)]
    return bags, values


class Proposer:
    """Proposes replies; never changed after it is made."""

    def __init__(self, head: Head, templates: Templates, neighbours: int) -> None:
        self.head, self.templates, self.neighbours = head, templates, neighbours
        self._by_action = templates.by_action()

    def propose(
        self, situations: Sequence[Situation], generated: Sequence[Mapping[str, float]] | None = None
    ) -> list[Proposals]:
        """Candidates of each situation, in order.

        Args:
            situations: what to answer.
            generated: per situation ``{template: log-probability per token}`` of the encoder-decoder.
        """
        bags, values = bags_of(situations)
        hidden = self.head.hidden(self.head.rows(bags))
        chances = self.head.log_chances(hidden)
        places, cosines = self.head.nearest(hidden, self.neighbours)
        made = generated or [{}] * len(situations)
        return [
            Proposals(
                self._one(situations[row], values[row], chances[row], places[row], cosines[row], made[row]),
                chances[row],
            )
            for row in range(len(situations))
        ]

    def _one(
        self, situation: Situation, values: Values, chances: NDArray[np.float32], places: NDArray[np.int64],
        cosines: NDArray[np.float32], generated: Mapping[str, float],
    ) -> list[Candidate]:  # fmt: skip
        found: dict[str, Candidate] = {}
        told = self.templates
        held: dict[int, Candidate | None] = {}
        total = 0.0
        for place, cosine in zip(places.tolist(), cosines.tolist(), strict=True):
            weight = float(np.exp(SHARPNESS * (cosine - 1.0)))
            total += weight
            candidate = self._candidate(told.past[place], situation, values, found, held)
            if candidate is not None:
                candidate.votes += weight
                if len(candidate.evidence) < EVIDENCE:
                    candidate.evidence.append((told.evidence[place], round(cosine, 4)))
        for action in np.argsort(-chances, kind="stable")[:LIKELY].tolist():
            for template in self._by_action.get(action, [])[:USUAL]:
                self._candidate(template, situation, values, found, held)
        for text, score in generated.items():
            said = realise(text, values)
            if said and not foreign_parts(said, situation):
                top = int(np.argmax(chances))
                candidate = found.setdefault(said, Candidate(said, top, len(SLOT.findall(text))))
                candidate.generated = max(score, candidate.generated if candidate.generated is not None else score)
        chosen = list(found.values())
        _describe(chosen, chances, total)
        return chosen

    def _candidate(
        self, template: int, situation: Situation, values: Values, found: dict[str, Candidate],
        held: dict[int, Candidate | None],
    ) -> Candidate | None:  # fmt: skip
        if template < 0:
            return None
        if template not in held:
            held[template] = self._made(template, situation, values, found)
        return held[template]

    def _made(
        self, template: int, situation: Situation, values: Values, found: dict[str, Candidate]
    ) -> Candidate | None:
        told = self.templates
        text = realise(told.texts[template], values)
        if text is None or (told.support[template] < COMMON and foreign_parts(text, situation)):
            return None
        action = told.actions[template]
        whole = sum(told.support[other] for other in self._by_action[action])
        candidate = found.setdefault(text, Candidate(text, action, len(SLOT.findall(told.texts[template]))))
        candidate.usual = max(candidate.usual, told.support[template] / whole)
        return candidate


def _describe(candidates: Sequence[Candidate], chances: NDArray[np.float32], votes: float) -> None:
    top = int(np.argmax(chances))
    words = [Counter(pieces(candidate.text)) for candidate in candidates]
    weight = [
        candidate.votes / max(votes, 1e-9) + float(np.exp(chances[candidate.action])) * candidate.usual
        for candidate in candidates
    ]
    whole = max(sum(weight), 1e-9)
    for place, candidate in enumerate(candidates):
        shared = sum(w * overlap(words[place], other) for w, other in zip(weight, words, strict=True)) / whole
        log_action = float(chances[candidate.action])
        candidate.features = [
            max(log_action, -10.0),
            float(np.exp(log_action)),
            float(candidate.action == top),
            candidate.evidence[0][1] if candidate.evidence else 0.0,
            candidate.votes / max(votes, 1e-9),
            float(np.log(candidate.usual + 0.01)),
            shared,
            float(candidate.generated is not None),
            max(candidate.generated, UNLIKELY) if candidate.generated is not None else UNLIKELY,
            float(min(candidate.slots, 6)),
            float(min(sum(words[place].values()), 40)) / 10.0,
        ]


def overlap(left: Counter[str], right: Counter[str]) -> float:
    """F1 of two bags of words, 0 to 1."""
    both = sum((left & right).values())
    return 2.0 * both / max(sum(left.values()) + sum(right.values()), 1)
