"""The prepare folder, read back as arrays: the one way that train, evaluate and export meet the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.columns import Columns
from pipelines.features.design import Design
from pipelines.features.tabular import Derive, FeatureState, transform
from pipelines.files import read_json, read_parquet
from pipelines.models.base import FitData, FloatArray, Task
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.targets import Targets

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Prepared:
    """All rows of the prepare stage, ``n`` of them, in order; a row's position is its ``_row`` elsewhere.

    Attributes:
        frame: the rows as in ``rows.parquet``, the source's columns and ``_suspect``, ``_split``, ``_weight``.
        state: the feature state.
        schema: ``schema.json``.
        design: features of all rows.
        y: int64 class indices ``[n]`` (binary: 1 is the positive class), float64 values for regression.
        split: ``train``, ``valid`` or ``test`` per row, ``[n]``.
        weight: float64 ``[n]``, training weight.
        targets: task, classes in order of their index.
    """

    frame: pd.DataFrame
    state: FeatureState
    schema: dict[str, Any]
    design: Design
    y: NDArray[Any]
    split: NDArray[np.str_]
    weight: FloatArray
    targets: Targets

    @property
    def task(self) -> Task:
        return self.targets.task

    @property
    def classes(self) -> list[Any]:
        """Target values in order of their index; empty for regression."""
        return list(self.targets.classes)

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Positions of the rows of these sides, ascending."""
        return np.flatnonzero(np.isin(self.split, splits)).astype(np.int64)

    def fit_data(self, train: NDArray[np.int64], valid: NDArray[np.int64]) -> FitData:
        """One fit on these rows; weights only where some differ from 1."""
        weight = self.weight[train]
        return FitData(
            task=self.task,
            classes=len(self.targets.classes),
            train=self.design.take(train),
            y_train=self.y[train],
            valid=self.design.take(valid),
            y_valid=self.y[valid],
            weight=None if bool(np.all(weight == 1.0)) else weight,
        )


def load_prepared(folder: Path, columns: Columns, derive: Derive | None) -> Prepared:
    """Read a prepare folder.

    Args:
        folder: the out folder of prepare.
        columns: the product's columns block.
        derive: the product's derived features, or None.
    """
    frame = read_parquet(folder / "rows.parquet")
    state = FeatureState.from_json(read_json(folder / "features.json"))
    schema = read_json(folder / "schema.json")
    targets = Targets.from_schema(schema)
    return Prepared(
        frame=frame,
        state=state,
        schema=schema,
        design=transform(state, frame_columns(frame, state.raw), derive),
        y=targets.encode(frame[columns.target].to_numpy()),
        split=frame["_split"].to_numpy().astype(str),
        weight=frame["_weight"].to_numpy().astype(np.float64),
        targets=targets,
    )
