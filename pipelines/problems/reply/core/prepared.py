"""The prepare folder, read back as situations: the one way that the later stages meet the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.files import read_json, read_parquet
from pipelines.problems.reply.core.dialogue import ACTION, FIELDS, Situation, read_row

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Prepared:
    """All rows of the prepare stage, in order; a row's position is its ``_row`` elsewhere.

    Attributes:
        frame: as in ``rows.parquet``.
        schema: ``schema.json``.
        replies: what was said.
        actions: name of the action of each.
        dialogues: dialogue of each.
        ids: id of each.
        split: ``train``, ``valid`` or ``test`` of each, ``[n]``.
    """

    frame: pd.DataFrame
    schema: dict[str, Any]
    replies: list[str]
    actions: list[str]
    dialogues: list[str]
    ids: list[str]
    split: NDArray[np.str_]

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Positions of the rows of these sides, ascending."""
        return np.flatnonzero(np.isin(self.split, splits)).astype(np.int64)

    def situations(self, rows: NDArray[np.int64]) -> list[Situation]:
        """Situations of these rows."""
        return situations_of(self.frame.iloc[rows])


def situations_of(frame: pd.DataFrame) -> list[Situation]:
    """Situations of raw rows."""
    names = [name for name in FIELDS if name in frame]
    held = (frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in names)
    return [read_row(dict(zip(names, values, strict=True))) for values in zip(*held, strict=True)]


def load_prepared(folder: Path, product: Product) -> Prepared:
    """Read a prepare folder."""
    frame = read_parquet(folder / "rows.parquet")
    columns = product.columns
    return Prepared(
        frame=frame,
        schema=read_json(folder / "schema.json"),
        replies=frame[columns.target].astype(str).tolist(),
        actions=frame[ACTION].astype(str).tolist(),
        dialogues=frame[str(columns.group)].astype(str).tolist(),
        ids=frame[str(columns.id)].astype(str).tolist(),
        split=frame["_split"].to_numpy().astype(str),
    )
