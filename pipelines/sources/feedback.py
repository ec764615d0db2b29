"""Rows of the prediction log whose outcome was told later, beside the source's own rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipelines.blocks.columns import Columns

if TYPE_CHECKING:
    import pandas as pd

FILE = "feedback.parquet"
REQUEST = "_request"


@dataclass(frozen=True)
class Told:
    """One answered row and what came of it.

    Attributes:
        request: request id and row, which name it.
        at: UTC ISO time of the answer.
        features: the row as it was sent.
        outcome: the true target value.
    """

    request: str
    at: str
    features: Mapping[str, Any]
    outcome: Any


@dataclass(frozen=True)
class Merged:
    """The source's rows with those of the feedback below them.

    Attributes:
        frame: same columns and types as the source's.
        used: rows added.
        left_out: reason -> rows that could not be added.
    """

    frame: pd.DataFrame
    used: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def as_frame(told: Sequence[Told], columns: Columns) -> pd.DataFrame:
    """The rows as a table of text, sorted by request: every column that one of them has, target and request.

    A row without an id gets one from its request; a time column that was not sent is the time of the answer.
    """
    import pandas as pd

    records: list[dict[str, Any]] = []
    for one in sorted(told, key=lambda row: row.request):
        record = {name: value for name, value in one.features.items() if value is not None}
        if columns.time is not None:
            record.setdefault(columns.time, one.at)
        records.append({**record, columns.target: one.outcome, REQUEST: one.request})
    present = sorted({name for record in records for name in record} - {columns.target, REQUEST})
    return pd.DataFrame(
        {
            name: pd.Series([_text(record.get(name)) for record in records], dtype=object)
            for name in (*present, columns.target, REQUEST)
        }
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(int(value) if isinstance(value, bool) else value)


def merge(source: pd.DataFrame, feedback: pd.DataFrame, columns: Columns) -> Merged:
    """The source's rows, then the feedback's in the source's types.

    Left out, and counted by reason: a row whose id the source has already (the source knows better), one that lacks a
    column in which the source has no missing value, one with a value that does not fit the column's type.
    """
    import pandas as pd

    taken: dict[str, pd.Series[Any]] = {}
    bad = pd.Series("", index=feedback.index, dtype=object)
    for name in source.columns:
        given = feedback[name] if name in feedback else pd.Series(None, index=feedback.index, dtype=object)
        if name == columns.id:
            given = _with_ids(given, feedback[REQUEST], source[name])
        cast = _cast(given, source[name])
        bad[(bad == "") & given.notna() & cast.isna()] = f"{name} does not fit"
        if not source[name].isna().any():
            bad[(bad == "") & cast.isna()] = f"without {name}"
        taken[str(name)] = cast
    if columns.id is not None and columns.id in source:
        bad[(bad == "") & taken[columns.id].isin(set(source[columns.id].tolist()))] = "already in the source"
        bad[(bad == "") & taken[columns.id].duplicated()] = "answered more than once"
    good = pd.DataFrame(taken)[bad == ""]
    parts = [good[name].astype(source[name].dtype) for name in source.columns]
    whole = (
        pd.concat([source, pd.DataFrame({part.name: part for part in parts})], ignore_index=True)
        if len(good)
        else source
    )
    counts = bad[bad != ""].value_counts()
    return Merged(whole, len(good), {str(reason): int(counts[reason]) for reason in sorted(counts.index)})


def _with_ids(given: pd.Series[Any], requests: pd.Series[Any], like: pd.Series[Any]) -> pd.Series[Any]:
    """Ids that were not sent follow from the request: far above any real number, or a text of its own."""
    numbers = like.dtype.kind in "iu"

    def made(request: str) -> str:
        digest = int.from_bytes(hashlib.blake2b(request.encode(), digest_size=6).digest(), "big")
        return str((1 << 48) + digest) if numbers else f"feedback-{request}"

    return given.where(given.notna(), requests.map(made))


def _cast(values: pd.Series[Any], like: pd.Series[Any]) -> pd.Series[Any]:
    """Text as the column's type; missing where it does not fit."""
    import numpy as np
    import pandas as pd

    if like.dtype.kind in "iuf":
        numbers = pd.to_numeric(values, errors="coerce")
        if like.dtype.kind == "f":
            return numbers.astype(np.float64)
        return numbers.where(numbers == np.floor(numbers))
    if like.dtype.kind == "b":
        return values.map({"0": False, "1": True, "False": False, "True": True})
    if like.dtype.kind == "M":
        return pd.to_datetime(values, errors="coerce", format="mixed")
    return values
