"""The event log of STAR (Mosig, Mehri and Kober, 2020) as one row per reply of an agent.

The agents of STAR first typed a draft and then picked the suggested reply or sent their own words. The history holds
what either side did say, never the draft of the reply at hand, which gives most of it away: it is a column of its own.
The knowledge is what the agent's screen shows before the reply: the item found last, what was asked for it
(``Request.<field>``), whether anything was found, and the task that the agent has chosen to work on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "turn_id", "dialogue_id", "turn", "split", "history", "knowledge", "looked_up", "draft", "action", "reply",
)  # fmt: skip
UNFINISHED = 3029  # complete by its events, but disconnected by the collectors' own record
FREE = "utter"  # the action of words of the agent's own
CALL = re.compile(r"api\.\w+\((.*)\)")
SIDES = {8: "valid", 9: "test"}  # by dialogue id modulo 10; the others are train


def replies(events: pd.DataFrame) -> pd.DataFrame:
    """Agent replies of the complete dialogues, in order of dialogue and turn, with the columns of ``COLUMNS``.

    Args:
        events: ``dialogue_id``, ``event``, ``agent``, ``action``, ``text``, ``action_label``, ``other_json``.
    """
    import pandas as pd

    finished = events.loc[(events["agent"] == "User") & (events["action"] == "complete"), "dialogue_id"]
    complete = events[events["dialogue_id"].isin(set(finished) - {UNFINISHED})].sort_values(["dialogue_id", "event"])
    names = ["dialogue_id", "agent", "action", "text", "action_label", "other_json"]
    rows: list[dict[str, Any]] = []
    dialogue = _Dialogue(-1)
    for number, agent, action, text, label, other in complete[names].itertuples(index=False, name=None):
        if number != dialogue.number:
            dialogue = _Dialogue(int(number))
        row = dialogue.take(agent, action, text, label, other)
        if row is not None:
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Dialogue:
    """One dialogue while its events pass by."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.said: list[str] = []
        self.turn, self.looked_up = 0, 0
        self.item: dict[str, Any] | None = None
        self.request: dict[str, Any] = {}
        self.task: str | None = None
        self.draft: str | None = None

    def take(self, agent: str, action: str, text: Any, label: Any, other: Any) -> dict[str, Any] | None:
        """The row of an event, where an agent replies."""
        words = " ".join(text.split()) if isinstance(text, str) else ""
        if agent == "User" and action == "utter" and words:
            self.said.append(f"customer: {words}")
        elif agent == "KnowledgeBase":
            item = _content(other).get("Item")
            self.item = item if isinstance(item, dict) else {}
            self.looked_up += 1
        elif agent == "Wizard" and action == "query":
            self.request = _asked(_content(other))
        elif agent == "Wizard" and action == "select_task":
            self.task = _content(other).get("Task", self.task)
        elif agent == "Wizard" and action == "request_suggestions":
            self.draft = words or None
        elif agent == "Wizard" and action in ("pick_suggestion", "utter") and words:
            return self._reply(words, label if isinstance(label, str) else FREE)
        return None

    def _reply(self, words: str, action: str) -> dict[str, Any]:
        row = {
            "turn_id": f"{self.number}-{self.turn}",
            "dialogue_id": self.number,
            "turn": self.turn,
            "split": SIDES.get(self.number % 10, "train"),
            "history": "\n".join(self.said),
            "knowledge": self._knowledge(),
            "looked_up": self.looked_up,
            "draft": self.draft,
            "action": action,
            "reply": words,
        }
        self.said.append(f"agent: {words}")
        self.turn, self.looked_up, self.draft = self.turn + 1, 0, None
        return row

    def _knowledge(self) -> str | None:
        known: dict[str, Any] = {**self.request, **(self.item or {})}
        if self.item is not None:
            known["Found"] = bool(self.item)
        if self.task is not None:
            known["Task"] = self.task
        return json.dumps(known, sort_keys=True) if known else None


def _content(other: Any) -> dict[str, Any]:
    content = json.loads(other) if isinstance(other, str) else None
    return content if isinstance(content, dict) else {}


def _asked(query: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a look-up with what was asked for: ``api.is_equal_to("Bob")`` and ``"Bob"`` are both Bob."""
    found: dict[str, Any] = {}
    for constraint in query.get("Constraints") or []:
        for name, value in constraint.items():
            plain = CALL.sub(r"\1", value).strip('" ') if isinstance(value, str) else value
            if isinstance(plain, str | int | float) and plain not in ("", "null"):
                found[f"Request.{name}"] = plain
    return found
