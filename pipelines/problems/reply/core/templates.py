"""What agents have said, with slots for what must be copied, and which of it may be said again.

A text that was said in few dialogues is kept only if it holds no number and no name outside of its slots: so nothing
that one customer told can come out in front of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import BundleError
from pipelines.files import read_json, write_json
from pipelines.problems.reply.core.slots import NUMBER, SLOT, inner_names

FILE = "templates.json"
COMMON = 5  # dialogues in which a standard phrase was said
LONGEST = 400  # characters


@dataclass(frozen=True)
class Templates:
    """Attributes:
    texts: the templates.
    actions: the action that each carries out most often, as a place in ``names``.
    support: dialogues in which each was said.
    names: the actions.
    past: template of each past situation, -1 where its reply may not be said again.
    evidence: id of each past situation.
    """

    texts: list[str]
    actions: list[int]
    support: list[int]
    names: list[str]
    past: list[int]
    evidence: list[str]

    def by_action(self) -> dict[int, list[int]]:
        """Templates of each action, best supported first."""
        found: dict[int, list[int]] = {}
        for place in sorted(range(len(self.texts)), key=lambda p: (-self.support[p], p)):
            found.setdefault(self.actions[place], []).append(place)
        return found

    def save(self, folder: Path) -> list[str]:
        """Write ``templates.json`` and return its name."""
        write_json(folder / FILE, vars(self))
        return [FILE]


def load(folder: Path) -> Templates:
    """The templates of a model.

    Raises:
        BundleError: the file is missing or not readable.
    """
    try:
        content: dict[str, Any] = read_json(folder / FILE)
        return Templates(**content)
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(
            f"the templates cannot be read: {error}", where={"file": FILE}, next_step="pack the model again"
        ) from error


def may_be_said(template: str, dialogues: int) -> bool:
    """Whether a template can be given to anybody: a standard phrase, or without numbers and names of its own."""
    if not template or len(template) > LONGEST:
        return False
    return dialogues >= COMMON or not (NUMBER.search(SLOT.sub(" ", template)) or any(inner_names(template)))


def learn(
    templates: Sequence[str], actions: Sequence[str], dialogues: Sequence[str], evidence: Sequence[str],
    names: Sequence[str],
) -> Templates:  # fmt: skip
    """From the train rows: their replies with slots, actions, dialogues and ids."""
    said: dict[str, set[str]] = {}
    acted: dict[str, Counter[str]] = {}
    for template, action, dialogue in zip(templates, actions, dialogues, strict=True):
        said.setdefault(template, set()).add(dialogue)
        acted.setdefault(template, Counter())[action] += 1
    kept = sorted(text for text, where in said.items() if may_be_said(text, len(where)))
    place = {text: number for number, text in enumerate(kept)}
    order = {name: number for number, name in enumerate(names)}
    return Templates(
        texts=kept,
        actions=[order[_usual(acted[text])] for text in kept],
        support=[len(said[text]) for text in kept],
        names=list(names),
        past=[place.get(text, -1) for text in templates],
        evidence=list(evidence),
    )


def _usual(acted: Counter[str]) -> str:
    return min(acted, key=lambda name: (-acted[name], name))
