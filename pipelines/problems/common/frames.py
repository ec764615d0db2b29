"""Frames as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def frame_columns(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Columns of a frame as plain numpy arrays; nullable types become object arrays with ``None``."""
    columns: dict[str, NDArray[Any]] = {}
    for name in names:
        series = frame[name]
        if series.dtype.kind in "fiubM":
            columns[name] = np.asarray(series.to_numpy())
        else:
            values = series.astype(object)
            columns[name] = values.where(values.notna(), None).to_numpy()
    return columns
