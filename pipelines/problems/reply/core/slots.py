"""Copying: names, numbers and times leave a text as slots and come back from the situation at hand.

A slot is ``{Field}`` of the knowledge, or ``{number.1}``, ``{time.1}``, ``{name.1}``: the latest number, time or name
that the customer said, ``.2`` the one before. (Delexicalisation: Wen et al., EMNLP 2015.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.problems.reply.core.dialogue import CUSTOMER, HIDDEN, MAX_VALUE, STEERING, Situation

SLOT = re.compile(r"\{([A-Za-z_][\w.]*)\}")
NUMBER = re.compile(r"\d[\d.,:/-]*\d|\d")
TIME = re.compile(r"\d{1,2}(?::\d\d)? ?[ap]\.?m\.?", re.IGNORECASE)
NAME = re.compile(r"(?<![\w{.])[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")
WORD = re.compile(r"[A-Za-z](?:[\w'’-]*\w)?")
ABBREVIATION = 4  # letters: PIN, ID, ASAP are no names
KEPT = 3  # numbers, times and names of the history that get a slot
Values = list[tuple[str, str]]


def values_of(situation: Situation) -> Values:
    """``(slot, value)``: fields of the knowledge first, then what the customer said, latest first."""
    found: Values = []
    for key, value in situation.knowledge.items():
        if key not in HIDDEN | STEERING and not isinstance(value, bool) and 0 < len(str(value)) <= MAX_VALUE:
            found.append((key, str(value).replace("\n", " ").rstrip(".")))
    seen = {value.casefold() for _, value in found}
    for kind, values in (("time", _times(situation)), ("number", _numbers(situation)), ("name", _names(situation))):
        place = 0
        for value in values:
            if value.casefold() in seen or place == KEPT:
                continue
            place += 1
            seen.add(value.casefold())
            found.append((f"{kind}.{place}", value))
    return found


def delexicalise(text: str, values: Values) -> str:
    """The text with every value replaced by its slot, longest values first."""
    for slot, value in sorted(values, key=lambda pair: -len(pair[1])):
        if value.casefold() in text.casefold():
            pattern = rf"(?<![\w{{.]){re.escape(value)}(?![\w}}])"
            text = re.sub(pattern, f"{{{slot}}}".replace("\\", r"\\"), text, flags=re.IGNORECASE)
    return text


def realise(template: str, values: Values) -> str | None:
    """The template with its slots filled; None where the situation lacks one of them."""
    known = dict(reversed(values))
    missing = False

    def fill(found: re.Match[str]) -> str:
        nonlocal missing
        value = known.get(found[1])
        missing = missing or value is None
        return value or ""

    text = SLOT.sub(fill, template)
    return None if missing else text


def foreign_parts(text: str, situation: Situation) -> list[str]:
    """Numbers and names of a text that stand neither in the history nor in the knowledge."""
    context = " ".join([*(said for _, said in situation.messages), *(str(v) for v in situation.knowledge.values())])
    words = {word.casefold() for word in WORD.findall(context)}
    numbers = set(NUMBER.findall(context))
    strange = [number for number in NUMBER.findall(SLOT.sub(" ", text)) if number not in numbers]
    return strange + [name for name in inner_names(text) if name.casefold() not in words]


def inner_names(text: str) -> Iterator[str]:
    """Words with a capital that do not begin a sentence: names, mostly."""
    text = SLOT.sub(" slot ", text)
    for found in WORD.finditer(text):
        word, before = found[0], text[: found.start()].rstrip(" '\"(‘“")
        if (
            word[0].isupper()
            and not (word.isupper() and len(word) <= ABBREVIATION)
            and word not in ("I'm", "I'll", "I've", "I'd")
            and before
            and before[-1] not in ".?!:;"
        ):
            yield word


def _times(situation: Situation) -> Iterator[str]:
    for text in situation.said(CUSTOMER):
        yield from (found[0] for found in TIME.finditer(text))


def _numbers(situation: Situation) -> Iterator[str]:
    for text in situation.said(CUSTOMER):
        yield from (found[0] for found in NUMBER.finditer(TIME.sub(" ", text)))


def _names(situation: Situation) -> Iterator[str]:
    for text in situation.said(CUSTOMER):
        for found in NAME.finditer(text):
            if found.start() > 0 or " " in found[0] or found[0] == text.strip(" .!?"):
                yield found[0]
