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
        words = pieces(text)
        found += [f"b{place}:{word}" for word in words]
        if place < 2:
            found += [f"c{place}:{a}_{b}" for a, b in pairwise(words)]
    if len(customer) > 1:
        words = pieces(customer[1])
        found += [f"v:{word}" for word in words] + [f"v:{a}_{b}" for a, b in pairwise(words)]
    for text in customer:
        found += [f"any:{word}" for word in sorted(set(pieces(text)))]
    for text in customer[-3:]:
        found += [f"w:{word}" for word in pieces(text)]
    found += [f"said={text[:REMEMBERED]}" for text in agent]
    found += [f"turns={min(situation.turns, 20) // 2}", f"ahead={len(customer) - len(agent)}"]
    found += _known(situation)
    return found + _steps(situation, agent)


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


def _steps(situation: Situation, agent: list[str]) -> list[str]:
    """Where the agent is in the work: the task, what was asked of the systems, the last replies, taken together."""
    known, looked = situation.knowledge, min(situation.looked_up, 2)
    system, asked = known.get("APIName"), sorted(name for name in known if name.startswith("Request."))
    found = [
        f"last={'|'.join(text[:40] for text in agent[:2])}",
        f"request={system},{known.get('Request.RequestType')},{known.get('Found')},{looked}",
        f"requested={','.join(asked)}",
        f"task={known.get('Task')},{looked}",
    ]
    return [*found, f"after={agent[0][:REMEMBERED]},{system},{looked}"] if agent else found
