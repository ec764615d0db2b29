"""The prepare stage of replies: whole dialogues to one side, copies out, drafts hidden, the schema of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.features.tabular import Derive
from pipelines.features.text import same_text
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common import splits
from pipelines.problems.common.identity import unit_hash
from pipelines.problems.reply.core.dialogue import (
    ACTION,
    AGENT,
    CUSTOMER,
    DRAFT,
    HISTORY,
    KNOWLEDGE,
    LOOKED_UP,
    MAX_HISTORY,
    split_history,
)
from pipelines.problems.reply.core.prepared import SPLITS
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

MIN_ROWS = 50  # rows on each side
SHOWN_DRAFTS = 0.5  # share of train rows that keep their draft
LEAKED = 0.02  # share of replies that may be the last line of their own history
COPY_TURNS = 3  # customer messages from which on two equal dialogues are one
MAX_KNOWLEDGE = 8000  # characters


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``rows.parquet`` (``_split``, ``_weight``, ``_draft``: the draft before it was hidden), ``schema.json`` and
    ``report.json``.

    Raises:
        DataError: too few rows on a side.
    """
    product, columns = step.product, step.product.columns
    frame = read_parquet(step.input("label") / "rows.parquet")
    side = splits.assign(frame, columns, product.prepare.split)
    dialogues = frame[str(columns.group)].astype(str).tolist()
    torn = _torn(dialogues, side)
    copies = _copies(frame, dialogues, side)
    frame, side = frame[~copies].reset_index(drop=True), side[~copies]
    counts = {name: int((side == name).sum()) for name in SPLITS}
    if min(counts.values()) < MIN_ROWS:
        raise DataError(
            f"too few replies to learn from and to judge by: {counts}",
            next_step=f"bring at least {MIN_ROWS} replies for each side, or change prepare.split's shares",
        )
    leaked = _leaked(frame, columns.target)
    frame["_split"], frame["_weight"] = side, np.ones(len(frame))
    _hide_drafts(frame, side, str(columns.id), product.prepare.split.salt)
    write_parquet(step.out / "rows.parquet", frame)
    write_json(step.out / "schema.json", _schema(step, frame, side))
    unseen = set(frame[ACTION][side != "train"]) - set(frame[ACTION][side == "train"])
    report = {
        "rows": len(frame),
        "splits": counts,
        "split_by": product.prepare.split.by,
        "dialogues": {name: int(frame[str(columns.group)][side == name].nunique()) for name in SPLITS},
        "copies_removed_from_train": int(copies.sum()),
        "dialogues_on_two_sides": torn,
        "reply_is_last_line": json_number(leaked),
        "actions": int(frame[ACTION].nunique()),
        "actions_without_train_rows": sorted(unseen),
    }  # fmt: skip
    write_json(step.out / "report.json", report)
    checks = [
        Check(
            name="whole_dialogues", ok=torn == 0, value=torn, limit=0, unit="dialogues",
            detail=f"{torn} dialogues lie on more than one side of the split",
        ),
        Check(
            name="reply_in_history", ok=leaked <= LEAKED, value=json_number(leaked), limit=LEAKED,
            unit="share of replies",
            detail=f"{leaked:.2%} of the replies are the last line of their own history",
        ),
    ]  # fmt: skip
    return from_checks("prepare", step.name, checks, "split by group, and let the history end before the reply")


def _torn(dialogues: list[str], side: NDArray[np.str_]) -> int:
    seen: dict[str, set[str]] = {}
    for dialogue, name in zip(dialogues, side.tolist(), strict=True):
        seen.setdefault(dialogue, set()).add(name)
    return sum(len(names) > 1 for names in seen.values())


def _copies(frame: pd.DataFrame, dialogues: list[str], side: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Train rows of dialogues in which the customer says, all in all, what one of another side says."""
    said: dict[str, str] = {}
    for dialogue, history in zip(dialogues, frame[HISTORY].tolist(), strict=True):
        texts = [same_text(text) for who, text in split_history(history) if who == CUSTOMER]
        if len(texts) >= COPY_TURNS:
            said[dialogue] = "\n".join(texts)  # the last turn's history is the longest
    judged = {said[d] for d, name in zip(dialogues, side.tolist(), strict=True) if name != "train" and d in said}
    return np.array(
        [name == "train" and said.get(d) in judged for d, name in zip(dialogues, side.tolist(), strict=True)],
        dtype=bool,
    )


def _leaked(frame: pd.DataFrame, target: str) -> float:
    hits = 0
    for history, reply in zip(frame[HISTORY].tolist(), frame[target].tolist(), strict=True):
        lines = split_history(history)
        hits += bool(lines) and lines[-1][0] == AGENT and same_text(lines[-1][1]) == same_text(reply)
    return hits / max(1, len(frame))


def _hide_drafts(frame: pd.DataFrame, side: NDArray[np.str_], identifier: str, salt: str) -> None:
    """A model that always saw drafts would lean on them: half of the train rows and all judged rows go without."""
    if DRAFT not in frame:
        frame[DRAFT] = None
    frame["_draft"] = frame[DRAFT]
    shown = (side == "train") & (unit_hash(frame[identifier].astype(str).tolist(), f"{salt}/draft") < SHOWN_DRAFTS)
    frame[DRAFT] = frame[DRAFT].astype(object).where(shown, None)


def _schema(step: Step, frame: pd.DataFrame, side: NDArray[np.str_]) -> dict[str, Any]:
    """The content of ``schema.json``: nothing of a real dialogue is shown in it."""
    said = "customer: Hello\nagent: Hello, how can I help?\ncustomer: I want to book a table for 4"
    text = {"type": "string", "nullable": True}
    return {
        "fields": [
            {
                **text, "name": HISTORY, "nullable": False, "max_length": MAX_HISTORY, "min_length": 1, "example": said,
                "description": "the dialogue so far, a line each, beginning with 'customer:' or 'agent:'",
            },
            {
                **text, "name": KNOWLEDGE, "max_length": MAX_KNOWLEDGE, "example": '{"Name": "Lucca", "Rating": 4}',
                "description": "fields that the agent's systems show, a JSON object as text",
            },
            {
                "name": LOOKED_UP, "type": "integer", "nullable": True, "minimum": 0, "maximum": 100, "example": 1,
                "description": "look-ups in those systems since the agent's last reply",
            },
            {
                **text, "name": DRAFT, "max_length": 1000, "example": None,
                "description": "what the agent has begun to type",
            },
        ],
        "target": step.product.columns.target,
        "task": "reply",
        "classes": [],
        "actions": sorted(set(frame[ACTION][side == "train"].astype(str))),
        "id": step.product.columns.id,
        "title": step.product.title,
    }  # fmt: skip
