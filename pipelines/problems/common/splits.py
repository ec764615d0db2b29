"""Which side of the split a row is on: from its id, its group, its time or an official column; from row
order only where the source is said to be in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.columns import Columns
from pipelines.blocks.stages import Split
from pipelines.errors import ConfigError, DataError
from pipelines.problems.common.identity import column_keys, row_keys, unit_hash

if TYPE_CHECKING:
    import pandas as pd

OFFICIAL = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}


def assign(frame: pd.DataFrame, columns: Columns, split: Split) -> NDArray[np.str_]:
    """``train``, ``valid`` or ``test`` per row, ``[n]``.

    ``hash`` and ``group``: a row stays on its side while the data grows, whatever rows come. ``time``: the latest
    ``test_share`` of rows is the test side, the ``valid_share`` before it valid; rows of one moment stay together,
    and sides move forward with the data, as production does. ``position``: the same by the rows' order, for a source in
    order of time that does not say when. ``official``: as the column says; where it names no
    valid side, ``valid_share`` of the train side is taken by hash.

    Raises:
        ConfigError: the split needs a column that params.yaml does not name.
        DataError: that column is missing, or holds values that cannot be used.
    """
    if split.test_share + split.valid_share >= 1.0:
        raise ConfigError(
            "test_share and valid_share leave no row for training",
            where={"key": "prepare.split"},
            next_step="make their sum less than 1",
        )
    if split.by == "time":
        return _by_time(_column(frame, columns.time, "columns.time"), columns, split)
    if split.by == "position":
        place = 1.0 - (np.arange(len(frame)) + 0.5) / max(len(frame), 1)
        return by_share(place, split.test_share, split.valid_share)
    if split.by == "official":
        return _official(frame, columns, split)
    keys = row_keys(frame, columns)
    if split.by == "group":
        groups = column_keys(_column(frame, columns.group, "columns.group").to_numpy())
        keys = [f"group={group}" if group is not None else key for group, key in zip(groups, keys, strict=True)]
    return by_share(unit_hash(keys, split.salt), split.test_share, split.valid_share)


def by_share(place: NDArray[np.float64], test_share: float, valid_share: float) -> NDArray[np.str_]:
    """Sides from numbers in [0, 1): the lowest ``test_share`` is the test side, then valid, then train."""
    side = np.full(len(place), "train", dtype="<U5")
    side[place < test_share + valid_share] = "valid"
    side[place < test_share] = "test"
    return side


def _by_time(times: pd.Series[Any], columns: Columns, split: Split) -> NDArray[np.str_]:
    moment = moments(times)
    if np.isnan(moment).any():
        raise DataError(
            f"{int(np.isnan(moment).sum())} rows have no time that can be read",
            where={"column": columns.time, "rows": len(moment)},
            next_step="refuse such rows in the suite, or split by hash",
        )
    test_from = np.quantile(moment, 1.0 - split.test_share, method="lower")
    valid_from = np.quantile(moment, 1.0 - split.test_share - split.valid_share, method="lower")
    side = np.full(len(moment), "train", dtype="<U5")
    side[moment > valid_from] = "valid"
    side[moment > test_from] = "test"
    return side


def moments(times: pd.Series[Any]) -> NDArray[np.float64]:
    """Times as numbers that grow, ``[n]``: dates and ISO text in seconds since 1970, numbers as they are; NaN else."""
    import pandas as pd

    if times.dtype.kind in "fiu":
        numbers: NDArray[np.float64] = times.to_numpy().astype(np.float64)
        return numbers
    parsed = pd.to_datetime(times, errors="coerce", utc=True, format="mixed").to_numpy(dtype="datetime64[ns]")
    seconds = parsed.astype(np.int64) / 1e9
    moment: NDArray[np.float64] = np.where(np.isnat(parsed), np.nan, seconds)
    return moment


def _official(frame: pd.DataFrame, columns: Columns, split: Split) -> NDArray[np.str_]:
    raw = column_keys(_column(frame, split.column, "prepare.split.column").to_numpy())
    unknown = sorted({str(value) for value in raw if str(value).lower() not in OFFICIAL})
    if unknown:
        raise DataError(
            f"the official split holds {unknown[:5]}",
            where={"column": split.column, "rows": len(raw)},
            next_step=f"allowed: {', '.join(sorted(OFFICIAL))}",
        )
    side = np.array([OFFICIAL[str(value).lower()] for value in raw], dtype="<U5")
    if not (side == "valid").any():
        share = split.valid_share / (1.0 - split.test_share)
        taken = unit_hash(row_keys(frame, columns), split.salt) < share
        side[(side == "train") & taken] = "valid"
    return side


def _column(frame: pd.DataFrame, name: str | None, key: str) -> pd.Series[Any]:
    if name is None:
        raise ConfigError("the split needs a column", where={"key": key}, next_step=f"name it as {key} in params.yaml")
    if name not in frame:
        raise DataError(
            f"the split's column {name!r} is missing", where={"key": key}, next_step="bring it, or split otherwise"
        )
    return frame[name]
