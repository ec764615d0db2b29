"""A packaged model on raw turns whose replies are known, as the champion gate compares two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.metrics.replies import ReplyJudge
from pipelines.problems.base import Answering
from pipelines.problems.reply.core.dialogue import ACTION, FIELDS

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product


def judge_rows(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, model: Answering) -> ReplyJudge:  # noqa: ARG001
    """The model's key metric on turns, over dialogues."""
    names = [name for name in FIELDS if name in frame]
    rows = frame[names].astype(object).where(frame[names].notna(), None).to_dict("records")
    answers = model.answer(rows)
    columns = product.columns
    right = np.array([a["action"] == b for a, b in zip(answers, frame[ACTION].tolist(), strict=True)], dtype=np.float64)
    return ReplyJudge(
        frame[str(columns.group)].tolist(),
        [answer["reply"] or "" for answer in answers],
        frame[columns.target].astype(str).tolist(),
        right,
        np.array([not answer["hand_over"] for answer in answers], dtype=np.float64),
        [product.evaluate.metric],
    )
