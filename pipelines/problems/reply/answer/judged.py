"""What people say of an answered turn: what a thumb up confirms, what is asked after a thumb down, what is learned."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.features.text import same_text
from pipelines.problems.reply.core.dialogue import ACTION, AGENT, HISTORY, KNOWLEDGE, split_history

if TYPE_CHECKING:
    from pipelines.config import Product

TURN = "turn"
ASKED_SOONER = 2.0  # of a reply that nobody has corrected yet
LEARNED_SIDE = "train"


def doubt(row: Mapping[str, Any], answer: Mapping[str, Any], given: str | None) -> dict[str, Any]:
    """What a person is asked about a reply that was judged wrong: fields of an item of the review queue.

    Args:
        row: the logged features.
        answer: the logged answer.
        given: the reply that should have been said, where somebody has said it.
    """
    messages = [{"from": who or "unknown", "text": text} for who, text in split_history(row.get(HISTORY))]
    proposed = [{"label": answer["reply"], "confidence": answer.get("confidence")}] if answer.get("reply") else []
    others = [{"label": one["reply"], "confidence": one["quality"]} for one in answer.get("alternatives") or []]
    return {
        "shown": {"messages": messages, "knowledge": row.get(KNOWLEDGE), "reply": answer.get("reply")},
        "proposed": [*proposed, *others],
        "given": given,
        "why": "the suggested reply was judged wrong" if given is None else "the suggested reply was corrected",
        "priority": ASKED_SOONER if given is None else 1.0,
    }


def learned(product: Product, row: Mapping[str, Any], answer: Mapping[str, Any], outcome: Any) -> dict[str, Any]:
    """An answered turn as a row of the source: its dialogue, turn, action and side beside what was sent.

    All turns of a dialogue begin alike, so the first message names the dialogue: no turn of it lies on another side of
    the split. The number is one that no source counts up to, and a text where dialogues are named by texts. The action
    is that of the suggestion (or alternative) that was said, else of the one that was answered: people mend words more
    often than they do something else. Where equal replies mostly bear another, the label stage marks the row.
    """
    lines = split_history(row.get(HISTORY))
    first = lines[0][1] if lines else ""
    digest = int.from_bytes(hashlib.blake2b(same_text(first).encode(), digest_size=6).digest(), "big")
    said = same_text(str(outcome))
    others = [one["action"] for one in answer.get("alternatives") or [] if same_text(str(one["reply"])) == said]
    same = same_text(str(answer.get("reply"))) == said
    action = answer.get("action") if same or not others else others[0]
    found: dict[str, Any] = {ACTION: action, TURN: sum(who == AGENT for who, _ in lines)}
    if product.columns.group is not None:
        found[product.columns.group] = str((1 << 48) + digest)
    if product.prepare.split.by == "official" and product.prepare.split.column is not None:
        found[product.prepare.split.column] = LEARNED_SIDE
    return {**found, **row}
