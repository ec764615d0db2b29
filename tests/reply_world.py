"""A small world of replies: simulated dialogues, a model learned from them in memory, and a lane on disk."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import numpy as np

from pipelines.models.retrieval import fitting
from pipelines.problems.reply.answer.model import ReplyModel
from pipelines.problems.reply.answer.ranking import Ranker
from pipelines.problems.reply.core.candidates import FEATURES, Proposer, bags_of
from pipelines.problems.reply.core.dialogue import read_row
from pipelines.problems.reply.core.slots import delexicalise
from pipelines.problems.reply.core.templates import learn
from pipelines.sources.simulators import dialogues

CANARY = "Your new code is QZX-48151623, Mister Wolpertinger of Zanzibar."
SECRET = ("48151623", "Wolpertinger", "Zanzibar")


def rows(count: int = 600, seed: int = 7) -> list[dict[str, Any]]:
    """Turns with their replies."""
    made = dialogues.history(seed, date(2026, 1, 1), date(2026, 1, 1), count, 0)
    return [row for row in made.to_dict("records") if row["history"]]


def canaries() -> list[dict[str, Any]]:
    """Turns of one train dialogue in which an agent told a customer's secret."""
    said = "customer: hello it is me\nagent: Hello, how can I help?\ncustomer: what is my new secret code"
    base = {"knowledge": None, "looked_up": 0, "draft": None, "dialogue_id": "secret", "action": "tell_code"}
    return [{**base, "turn_id": f"secret-{n}", "turn": n, "history": said, "reply": CANARY} for n in range(8)]


@cache
def model(secrets: bool = False) -> ReplyModel:
    """A model of 600 turns whose ranker goes by the neighbours' votes; ``secrets`` plants canaries among them."""
    held = rows() + (canaries() if secrets else [])
    situations = [read_row(row) for row in held]
    bags, values = bags_of(situations)
    actions = sorted({row["action"] for row in held})
    y = np.array([actions.index(row["action"]) for row in held], dtype=np.int64)
    options = fitting.settings({"dimensions": 32, "epochs": 25, "batch": 32, "fewest": 2})
    templates = [delexicalise(row["reply"], own) for row, own in zip(held, values, strict=True)]
    told = learn(
        templates, [r["action"] for r in held], [r["dialogue_id"] for r in held], [r["turn_id"] for r in held], actions
    )
    weight = np.array([4.0 if name in ("votes", "agreement") else 0.0 for name in FEATURES])
    ranker = Ranker(np.zeros(len(FEATURES)), np.ones(len(FEATURES)), weight, -4.0)
    return ReplyModel(Proposer(fitting.fit(bags, y, len(actions), options, 0, 1), told, 12), None, ranker, 0.6)
