"""Messages to a bank about one thing or two at once, so that a text has one label or two.

Each is a message of ``text_intents``; two rows in five say a second thing of the same grammar behind the first.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.sources.simulators import text_intents
from pipelines.sources.simulators.text_grammar import OTHER, SHIFTS

if TYPE_CHECKING:
    import pandas as pd

LABELS = text_intents.WORLD.classes
TARGET = "intents"
SEPARATOR = ";"
TWO_SHARE = 0.4  # of the messages say two things
SECOND = 7919  # added to the seed: the second thing comes from a stream of its own
UNKNOWN = "unknown_label"

__all__ = ["LABELS", "SHIFTS", "history", "outcomes", "production_day"]


def history(seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int) -> pd.DataFrame:
    """``id``, ``day``, ``channel``, ``text``, ``intents`` (labels parted by a semicolon), oldest first."""
    first, second = (
        text_intents.history(one, start, last_day, rows_at_start, rows_per_day) for one in (seed, seed + SECOND)
    )
    return _joined(first, second, np.arange(len(first)), seed)


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """Messages as clients send them on ``day``: no label, no faulty rows."""
    return _production(seed, day, rows, shift).drop(columns=[TARGET])


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """What the messages of :func:`production_day` were about, same order; ``other`` where a part is a new topic."""
    return _production(seed, day, rows, shift)[["id", TARGET]]


def _production(seed: int, day: date, rows: int, shift: str) -> pd.DataFrame:
    def one(of: int) -> pd.DataFrame:
        told = text_intents.outcomes(of, day, rows, shift)
        return text_intents.production_day(of, day, rows, shift).assign(intent=told["intent"].to_numpy())

    first = one(seed)
    return _joined(first, one(seed + SECOND), first["id"].to_numpy(), seed)


def _joined(first: pd.DataFrame, second: pd.DataFrame, number: Any, seed: int) -> pd.DataFrame:
    two = np.array([np.random.PCG64([seed, int(one)]).random_raw() / 2.0**64 < TWO_SHARE for one in number])
    texts, labels = [], []
    for both, row, other in zip(two, first.to_dict("records"), second.to_dict("records"), strict=True):
        sound = isinstance(other["text"], str) and len(other["text"]) > 5 and other["intent"] != UNKNOWN
        if both and sound and isinstance(row["text"], str) and len(row["text"]) > 5:
            texts.append(f"{row['text']} {other['text']}")
            told = {row["intent"], other["intent"]}
            labels.append(next((one for one in (OTHER, UNKNOWN) if one in told), SEPARATOR.join(sorted(told))))
        else:
            texts.append(row["text"])
            labels.append(row["intent"])
    return first.drop(columns=["intent"]).assign(text=texts, **{TARGET: labels})
