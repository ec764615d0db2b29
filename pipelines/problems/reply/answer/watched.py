"""What is watched of replies: incoming messages as numbers, how sure the answers are, how many are handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.features.text import words
from pipelines.metrics.replies import ReplyJudge
from pipelines.models.retrieval import head
from pipelines.problems.reply.core.candidates import bags_of
from pipelines.problems.reply.core.dialogue import CUSTOMER, FIELDS, read_row

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product

FEATURES = ("message_words", "message_unknown", "familiarity", "history_turns", "knowledge_fields", "looked_up")
ANSWERS = ("confidence", "hand_over", "next_action")


def answered(schema: Mapping[str, Any], answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:  # noqa: ARG001
    """Answers as columns: ``confidence`` (NaN where there is none), ``hand_over`` (``yes`` or ``no``), ``next_action``,
    and ``reply_given``, the text."""
    held = [answer or {} for answer in answers]
    return {
        "confidence": np.array([one.get("confidence", np.nan) for one in held], dtype=np.float64),
        "hand_over": [("yes" if one["hand_over"] else "no") if "hand_over" in one else None for one in held],
        "next_action": [one.get("action") for one in held],
        "reply_given": [one.get("reply") for one in held],
    }


def watched(product: Product, bundle: Path, frame: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001 - every problem's
    """The frame with the words of the last message, the share of them that no train situation held, the cosine to the
    nearest train situation, the messages of the history and the fields of the knowledge."""
    search = head.load(bundle / "retrieval")
    known = {token.removeprefix("u:") for token in search.vocabulary.tokens if token[:2] == "u:"}
    names = [name for name in FIELDS if name in frame]
    rows = frame[names].astype(object).where(frame[names].notna(), None).to_dict("records")
    situations = [read_row(row) for row in rows]
    last = [words((one.said(CUSTOMER) or [""])[0]) for one in situations]
    read = [[word for word in text if word.isalpha()] for text in last]
    hidden = search.hidden(search.rows(bags_of(situations)[0]))
    nearest = search.nearest(hidden, 1)[1][:, :1].max(axis=1, initial=0.0)
    return frame.assign(
        familiarity=nearest.astype(np.float64),
        message_words=np.array([float(len(text)) for text in last]),
        message_unknown=np.array([sum(word not in known for word in text) / max(1, len(text)) for text in read]),
        history_turns=np.array([float(one.turns) for one in situations]),
        knowledge_fields=np.array([float(len(one.knowledge)) for one in situations]),
        looked_up=np.array([float(one.looked_up) for one in situations]),
    )


def roles(product: Product, columns: Sequence[str]) -> dict[str, str]:  # noqa: ARG001 - every problem's signature
    """``{column: role}`` of the columns to watch."""
    found = {name: "feature" for name in FEATURES if name in columns}
    return found | {name: "prediction" for name in ANSWERS if name in columns}


def measured(
    product: Product,
    schema: Mapping[str, Any],  # noqa: ARG001 - every problem's signature
    frame: pd.DataFrame,
    outcomes: Sequence[Any],
) -> ReplyJudge:
    """The key metric of answered turns whose true replies are known: each turn counts as a dialogue of its own, because
    clients send no dialogue's name."""
    said = ["" if text is None or text != text else str(text) for text in frame["reply_given"].tolist()]
    metric = product.evaluate.metric
    name = metric if metric in ("bleu", "rouge_1", "rouge_2", "rouge_l", "entity_f1") else "bleu"
    return ReplyJudge(range(len(said)), said, [str(text) for text in outcomes], names=[name])
