"""The prepare folder of an uplift product, read back as arrays."""

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
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.targets import Targets
from pipelines.problems.uplift.core.arms import Arms

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """All rows of the prepare stage, ``n`` of them; a row's position is its ``_row`` elsewhere.

    Attributes:
        frame: the rows as in ``rows.parquet``.
        state: the feature state.
        schema: ``schema.json``.
        design: features of all rows.
        y: outcomes 0/1, int64 ``[n]``.
        arm: what was done, 0 the control, int64 ``[n]``.
        split: ``train``, ``valid`` or ``test``, ``[n]``.
        arms: names of the arms.
        shares: share of each arm in the train and valid rows, ``[k + 1]``.
    """

    frame: pd.DataFrame
    state: FeatureState
    schema: dict[str, Any]
    design: Design
    y: NDArray[np.int64]
    arm: NDArray[np.int64]
    split: NDArray[np.str_]
    arms: Arms
    shares: FloatArray

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Positions of the rows of these sides, ascending."""
        return np.flatnonzero(np.isin(self.split, splits)).astype(np.int64)


def load_prepared(folder: Path, columns: Columns, derive: Derive | None) -> Prepared:
    """Read a prepare folder; ``derive`` makes the product's derived features, or is None."""
    frame = read_parquet(folder / "rows.parquet")
    state = FeatureState.from_json(read_json(folder / "features.json"))
    schema = read_json(folder / "schema.json")
    arms = Arms.from_schema(schema)
    return Prepared(
        frame=frame,
        state=state,
        schema=schema,
        design=transform(state, frame_columns(frame, state.raw), derive),
        y=outcome_of(frame, columns),
        arm=arms.encode(frame[columns.treatment].to_numpy()),
        split=frame["_split"].to_numpy().astype(str),
        arms=arms,
        shares=np.asarray(schema["shares"], dtype=np.float64),
    )


def outcome_of(frame: pd.DataFrame, columns: Columns) -> NDArray[np.int64]:
    """Outcomes as 0/1."""
    values = frame[columns.target].to_numpy()
    encoded: NDArray[np.int64] = Targets.learn(columns, values).encode(values)
    return encoded
