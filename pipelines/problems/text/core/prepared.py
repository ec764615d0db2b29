"""The prepare folder, read back: the one way that train, evaluate and export meet the same texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.columns import Columns
from pipelines.errors import ConfigError, DataError
from pipelines.features.text import clean
from pipelines.files import read_json, read_parquet
from pipelines.models.base import Task
from pipelines.models.text import FloatArray, TextData
from pipelines.problems.common.targets import Targets
from pipelines.problems.text.core.several import names_of

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Prepared:
    """All rows of the prepare stage, ``n`` of them, in order; a row's position is its ``_row`` elsewhere.

    Attributes:
        frame: the rows as in ``rows.parquet``.
        texts: cleaned texts.
        schema: ``schema.json``.
        y: int64 class indices ``[n]``; multilabel: 0 and 1 ``[n, k]``.
        split: ``train``, ``valid`` or ``test`` per row.
        weight: float64 ``[n]``, training weight.
        targets: task and classes.
    """

    frame: pd.DataFrame
    texts: list[str]
    schema: dict[str, Any]
    y: NDArray[np.int64]
    split: NDArray[np.str_]
    weight: FloatArray
    targets: Targets

    @property
    def task(self) -> Task:
        return self.targets.task

    @property
    def classes(self) -> list[Any]:
        """Target values in order of their index."""
        return list(self.targets.classes)

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Positions of the rows of these sides, ascending."""
        return np.flatnonzero(np.isin(self.split, splits)).astype(np.int64)

    def at(self, rows: NDArray[np.int64]) -> list[str]:
        """Texts of these rows, in this order."""
        return [self.texts[row] for row in rows.tolist()]

    def labels(self, row: int) -> str:
        """The class of a row; multilabel: its labels, parted as in the target column."""
        if self.y.ndim == 2:
            return self.targets.separator.join(map(str, names_of(self.classes, self.y[row])))
        return str(self.classes[int(self.y[row])])

    def learned(self) -> NDArray[np.int64]:
        """Positions of the train rows that count and of the valid rows: what a cross-fitted candidate learns from."""
        rows = self.rows("train", "valid")
        return rows[self.weight[rows] > 0]

    def folded_data(self) -> TextData:
        """The rows of :meth:`learned`, without valid rows of their own."""
        rows = self.learned()
        return TextData(self.at(rows), self.y[rows], len(self.classes), self.weight[rows], [], self.y[:0])

    def fit_data(self) -> TextData:
        """The train rows that count, and the valid rows."""
        train = self.rows("train")
        train, valid = train[self.weight[train] > 0], self.rows("valid")
        return TextData(
            self.at(train), self.y[train], len(self.classes), self.weight[train], self.at(valid), self.y[valid]
        )


def text_column(columns: Columns) -> str:
    """The name of the text column.

    Raises:
        ConfigError: params.yaml names none, or a task that texts do not have.
    """
    if columns.text is None:
        raise ConfigError(
            "a text product needs a text column", where={"key": "columns.text"}, next_step="name it in params.yaml"
        )
    if columns.task not in ("multiclass", "multilabel"):
        raise ConfigError(
            f"texts have the task multiclass (two classes too) or multilabel, not {columns.task}",
            where={"key": "columns.task"},
            next_step="set it to one of the two",
        )
    return columns.text


def require_texts(frame: pd.DataFrame, column: str) -> None:
    """Every value is text.

    Raises:
        DataError: names the first one that is not.
    """
    wrong = [place for place, value in enumerate(frame[column].tolist()) if not isinstance(value, str)]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(frame)} values are no text, the first is {frame[column].tolist()[wrong[0]]!r}",
            where={"column": column},
            next_step="name the column with the text as columns.text, or refuse such rows in the suite",
        )


def load_prepared(folder: Path, columns: Columns) -> Prepared:
    """Read a prepare folder."""
    frame = read_parquet(folder / "rows.parquet")
    schema = read_json(folder / "schema.json")
    targets = Targets.from_schema(schema)
    return Prepared(
        frame=frame,
        texts=[clean(str(text)) for text in frame[text_column(columns)].tolist()],
        schema=schema,
        y=targets.encode(frame[columns.target].to_numpy()),
        split=frame["_split"].to_numpy().astype(str),
        weight=frame["_weight"].to_numpy().astype(np.float64),
        targets=targets,
    )
