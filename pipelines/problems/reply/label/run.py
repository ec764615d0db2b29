"""The label stage of replies: which turns have a reply and an action; where equal replies bear different actions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.features.tabular import Derive
from pipelines.features.text import same_text
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.reply.core.dialogue import ACTION, HISTORY, split_history
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 20  # doubtful pairs in the report


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``rows.parquet`` (with ``_suspect``: how rare the action is among equal replies) and ``report.json``.

    Raises:
        DataError: a column is missing, or no turn has a reply.
    """
    target, limit = step.product.columns.target, step.product.label.max_noise
    frame = read_parquet(step.input("validate") / "rows.parquet")
    missing = sorted({target, ACTION, HISTORY} - set(frame.columns))
    if missing:
        raise DataError(f"the column {missing[0]!r} is missing", next_step="mend the source, or columns in params.yaml")
    known = _filled(frame[target]) & _filled(frame[ACTION])
    readable = np.array([bool(split_history(history)) for history in frame[HISTORY].tolist()], dtype=bool)
    kept = frame[known & readable].reset_index(drop=True)
    if not len(kept):
        raise DataError("no turn has a reply", where={"rows": len(frame)}, next_step="bring dialogues with agent turns")
    texts = [same_text(text) for text in kept[target].tolist()]
    actions = kept[ACTION].tolist()
    both, alone = Counter(zip(texts, actions, strict=True)), Counter(texts)
    suspect = np.array([1.0 - both[pair] / alone[pair[0]] for pair in zip(texts, actions, strict=True)])
    kept["_suspect"] = np.round(suspect, 6)
    write_parquet(step.out / "rows.parquet", kept)
    share = float((suspect > 0.5).mean())
    rare = [pair for pair in sorted(both, key=lambda pair: (-alone[pair[0]], pair)) if 2 * both[pair] < alone[pair[0]]]
    write_json(
        step.out / "report.json",
        {
            "rows_in": len(frame),
            "without_label": int((~known).sum()),
            "without_history": int((known & ~readable).sum()),
            "rows": len(kept),
            "actions": dict(sorted(Counter(actions).items())),
            "different_replies": len(alone),
            "noise": {"share": json_number(share), "pairs": [list(pair) for pair in rare[:SHOWN]]},
            "method": "replies of equal words that mostly bear another action",
        },
    )
    check = Check(
        name="label_noise", ok=share <= limit, value=json_number(share), limit=limit, unit="share of turns",
        detail=f"{share:.1%} of the turns bear an action that is rare among equal replies",
    )  # fmt: skip
    return from_checks("label", step.name, [check], "look at the rows with the highest _suspect in label/rows.parquet")


def _filled(column: pd.Series[Any]) -> NDArray[np.bool_]:
    return np.array([isinstance(value, str) and bool(value.strip()) for value in column.tolist()], dtype=bool)
