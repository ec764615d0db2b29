"""Raw values, from Parquet or from JSON, as plain numbers and category names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT32_MAX = float(np.finfo(np.float32).max)


def rows_to_columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """JSON objects as columns: ``{name: object array [n]}``, ``None`` where a row lacks the key."""
    columns: dict[str, NDArray[Any]] = {}
    for name in names:
        column = np.empty(len(rows), dtype=object)
        column[:] = [row.get(name) for row in rows]
        columns[name] = column
    return columns


def as_numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """Any column as float64 ``[n]``: NaN for null, infinity, beyond float32, and what is not a number.

    Text that reads as a number counts as one; dates do not.
    """
    if column.dtype.kind in "fiub":
        numbers = column.astype(np.float64)
    elif column.dtype.kind == "O":
        numbers = np.fromiter((_number(value) for value in column), dtype=np.float64, count=len(column))
    elif column.dtype.kind in "US":
        numbers = np.fromiter((_number(str(value)) for value in column), dtype=np.float64, count=len(column))
    else:
        numbers = np.full(len(column), np.nan)
    return np.where(np.abs(numbers) <= FLOAT32_MAX, numbers, np.nan)


def _number(value: Any) -> float:
    if isinstance(value, float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def as_keys(column: NDArray[Any]) -> tuple[NDArray[np.intp], list[str | None]]:
    """A categorical column as ``(position [n], keys)``: row i has ``keys[position[i]]``, ``None`` where missing.

    Whole numbers share one key however they are stored (``1`` and ``1.0``); booleans are ``true`` and ``false``;
    dates are ISO 8601 text.
    """
    if column.dtype.kind in "fiub":
        values, position = np.unique(column, return_inverse=True)
        return position.reshape(-1), [category_key(value) for value in values.tolist()]
    if column.dtype.kind == "M":
        stamps, position = np.unique(column, return_inverse=True)
        return position.reshape(-1), [_date_key(stamp) for stamp in stamps]
    seen: dict[tuple[type, Any], int] = {}
    position = np.empty(len(column), dtype=np.intp)
    for row, value in enumerate(column.tolist() if column.dtype.kind != "O" else column):
        name = (type(value), value if value.__hash__ else repr(value))
        position[row] = seen.setdefault(name, len(seen))
    return position, [category_key(value) for _, value in seen]


def _date_key(stamp: np.datetime64) -> str | None:
    """ISO 8601, as short as it can be without loss: the date alone at midnight."""
    if np.isnat(stamp):
        return None
    whole_second = stamp.astype("datetime64[s]")
    if whole_second != stamp:
        return str(stamp)
    day = stamp.astype("datetime64[D]")
    return str(day if day == stamp else whole_second)


def category_key(value: Any) -> str | None:
    """The name under which a categorical value is known; ``None`` for null, NaN, infinity and empty text."""
    if value is None:
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return None
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    text = str(value)
    return None if text in {"", "NaT", "<NA>"} else text


def looks_like_dates(column: NDArray[Any], sample: int = 200) -> bool:
    """Whether the column holds dates: a datetime type, date objects, or ISO text in all of the first non-nulls."""
    if column.dtype.kind == "M":
        return True
    if column.dtype.kind not in "OUS":
        return False
    found = [value for value in column[: 20 * sample].tolist() if value is not None and value == value][:sample]
    return bool(found) and all(isinstance(value, date) or _iso_date(value) for value in found)


def _iso_date(value: Any) -> bool:
    if not isinstance(value, str) or len(value) < 10 or value[4] != "-":
        return False
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True
