"""A situation as tokens: what the next-action head and the search for past situations look at."""

from __future__ import annotations

import re
from itertools import pairwise

from pipelines.problems.reply.core.dialogue import AGENT, CUSTOMER, HIDDEN, Situation
from pipelines.problems.reply.core.slots import Values, delexicalise

PIECE = re.compile(r"[^\W\d_]+|\d+|\{[\w.]+\}|[?!]")
REMEMBERED = 60  # characters of an agent's earlier reply that name it
SHORT = 30  # characters of a knowledge value that may be a category


def pieces(text: str) -> list[str]:
    """Words, numbers (by their length only) and slots, in lower case."""
    return ["#" * len(word) if word.isdigit() else word for word in PIECE.findall(text.casefold())]


def tokens_of(situation: Situation, values: Values) -> list[str]:
    """Tokens with a prefix that says where they stand; equal tokens are counted."""
    customer, agent = situation.said(CUSTOMER), [delexicalise(text, values) for text in situation.said(AGENT)]
    found: list[str] = []
    latest = " ".join(reversed(_tail(situation)))
    words = pieces(delexicalise(latest, values))
    found += [f"u:{word}" for word in words] + [f"u:{a}_{b}" for a, b in pairwise(words)]
    for place, text in enumerate(agent[:3]):
        found.append(f"a{place}={text[:80]}")
        found += [f"b{place}:{word}" for word in pieces(text)]
    if len(customer) > 1:
        found += [f"v:{word}" for word in pieces(customer[1])]
    for text in customer[-3:]:
        found += [f"w:{word}" for word in pieces(text)]
    found += [f"said={text[:REMEMBERED]}" for text in agent]
    found += [f"turns={min(situation.turns, 20) // 2}", f"ahead={len(customer) - len(agent)}"]
    found += _known(situation)
    return found


def draft_tokens(situation: Situation) -> list[str]:
    """Tokens of what the agent has begun to type."""
    words = pieces(situation.draft)
    return [f"d:{word}" for word in words] + [f"d:{a}_{b}" for a, b in pairwise(words)]


def _tail(situation: Situation) -> list[str]:
    """What the customer said since the agent's last reply, latest first."""
    tail = []
    for who, text in reversed(situation.messages):
        if who != CUSTOMER:
            break
        tail.append(text)
    return tail


def _known(situation: Situation) -> list[str]:
    looked, knowledge = min(situation.looked_up, 2), situation.knowledge
    found = [f"looked={looked}", f"system={knowledge.get('APIName')}", f"system={knowledge.get('APIName')},{looked}"]
    for key, value in knowledge.items():
        if key not in HIDDEN:
            found.append(f"k={key}")
            if isinstance(value, bool) or (isinstance(value, str) and len(value) < SHORT):
                found.append(f"k={key}={value}")
    return found
