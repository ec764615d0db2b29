"""A row as a situation: who said what, what the agent's systems show, and why nobody should answer it unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.features.text import clean, same_text

CUSTOMER, AGENT = "customer", "agent"
HISTORY, KNOWLEDGE, LOOKED_UP, DRAFT, ACTION = "history", "knowledge", "looked_up", "draft", "action"
FIELDS = (HISTORY, KNOWLEDGE, LOOKED_UP, DRAFT)
MAX_HISTORY = 20_000  # characters of a history that the service reads
MAX_TURNS = 12  # last messages that are looked at
MAX_MESSAGE = 500  # characters of a message that are looked at
MAX_FIELDS = 60  # fields of the knowledge
MAX_VALUE = 300  # characters of a field's value
LOOP = 3  # equal customer messages in a row
FOREIGN = 0.4  # share of letters outside of Latin script
HIDDEN = frozenset({"APIName", "id"})  # fields that are never said aloud
STEERING = frozenset({"Task", "Request.RequestType"})  # fields that say what is done, not what is known


@dataclass(frozen=True)
class Situation:
    """What an agent sees before the next reply.

    Attributes:
        messages: ``(speaker, text)``, the last ``MAX_TURNS`` of them, cleaned.
        turns: messages of the whole history.
        knowledge: fields that the agent's systems show.
        looked_up: look-ups since the agent's last reply.
        draft: what the agent has begun to type, or nothing.
        trouble: why a person must answer, or nothing.
    """

    messages: tuple[tuple[str, str], ...]
    turns: int
    knowledge: Mapping[str, Any]
    looked_up: int = 0
    draft: str = ""
    trouble: str = ""

    def said(self, speaker: str) -> list[str]:
        """The messages of one speaker, latest first."""
        return [text for who, text in reversed(self.messages) if who == speaker]


def read_row(row: Mapping[str, Any]) -> Situation:
    """The situation of a row; what cannot be read is a ``trouble``, never an error."""
    lines = split_history(row.get(HISTORY))
    messages = [(who, clean(text[: 4 * MAX_MESSAGE])[:MAX_MESSAGE]) for who, text in lines[-MAX_TURNS:] if who]
    messages = [(who, text) for who, text in messages if text]
    knowledge, readable = read_knowledge(row.get(KNOWLEDGE))
    looked_up, draft = row.get(LOOKED_UP), row.get(DRAFT)
    return Situation(
        messages=tuple(messages),
        turns=len(lines),
        knowledge=knowledge,
        looked_up=int(looked_up) if isinstance(looked_up, int | float) and looked_up == looked_up else 0,
        draft=clean(draft)[:MAX_MESSAGE] if isinstance(draft, str) else "",
        trouble=_trouble(lines, messages, readable),
    )


def split_history(history: Any) -> list[tuple[str, str]]:
    """``(speaker, text)`` per line of a history; the speaker is empty where the line names none that is known."""
    if not isinstance(history, str):
        return []
    lines: list[tuple[str, str]] = []
    for line in history[-5 * MAX_HISTORY :].split("\n"):
        who, mark, text = line.partition(":")
        known = who.strip().lower() if mark else ""
        if known in (CUSTOMER, AGENT):
            lines.append((known, text.strip()))
        elif line.strip():
            lines.append(("", line))
    return lines


def join_history(messages: Sequence[tuple[str, str]]) -> str:
    """The inverse of :func:`split_history`: one line per message."""
    return "\n".join(f"{who}: {' '.join(text.split())}" for who, text in messages)


def read_knowledge(text: Any) -> tuple[dict[str, Any], bool]:
    """``(fields, readable)`` of a JSON object of plain values or lists of them (``{key.1}``, ``{key.2}`` ...)."""
    if text is None or text != text or text == "":
        return {}, True
    try:
        content = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}, False
    if not isinstance(content, dict):
        return {}, False
    plain: dict[str, Any] = {}
    for key, value in content.items():
        parts = (
            {f"{key}.{place}": part for place, part in enumerate(value, 1)} if isinstance(value, list) else {key: value}
        )
        plain |= {name: part for name, part in parts.items() if isinstance(part, str | int | float | bool)}
    return dict(list(plain.items())[:MAX_FIELDS]), True


def complaints(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """``(field, what is wrong)`` of a row that a client should mend."""
    found = []
    if any(not who for who, _ in split_history(row.get(HISTORY))):
        found.append((HISTORY, f"every line must begin with '{CUSTOMER}:' or '{AGENT}:'"))
    if not read_knowledge(row.get(KNOWLEDGE))[1]:
        found.append((KNOWLEDGE, "must be a JSON object of plain values or lists of them, as text"))
    return found


def _trouble(lines: Sequence[tuple[str, str]], messages: Sequence[tuple[str, str]], readable: bool) -> str:
    said = [text for who, text in messages if who == CUSTOMER]
    if not readable:
        return "the knowledge cannot be read"
    if any(not who for who, _ in lines):
        return "a line of the history has no known speaker"
    if not said:
        return "no customer has said anything"
    last = [same_text(text) for text in said[-LOOP:]]
    if len(last) == LOOP and len(set(last)) == 1 and last[0]:
        return "the customer repeats one message"
    letters = [letter for letter in said[-1] if letter.isalpha()]
    if letters and sum(ord(letter) > 0x24F for letter in letters) > FOREIGN * len(letters):
        return "the message is not in a script that was learned"
    return ""
