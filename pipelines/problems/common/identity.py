"""Which rows are one and the same, and numbers between 0 and 1 that belong to a row for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.columns import Columns
from pipelines.features.values import as_keys, category_key

if TYPE_CHECKING:
    import pandas as pd


def unit_hash(keys: Sequence[str], salt: str) -> NDArray[np.float64]:
    """BLAKE2b of ``salt`` and key as a number in [0, 1), ``[n]``: it depends on nothing else, now or later."""
    prefix = salt.encode("utf-8") + b"\x00"
    digests = b"".join(
        hashlib.blake2b(prefix + key.encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in keys
    )
    return (np.frombuffer(digests, dtype=">u8") >> np.uint64(11)).astype(np.float64) / 2.0**53


def column_keys(values: NDArray[Any]) -> list[str | None]:
    """Each value as text that does not change with the column's storage type (``1`` and ``1.0`` are one)."""
    position, keys = as_keys(values)
    return [keys[place] for place in position.tolist()]


def content_names(frame: pd.DataFrame, columns: Columns) -> list[str]:
    """The source's columns that describe a row: all but its id, its target and those that stages added."""
    barred = {columns.id, columns.target}
    return sorted(str(name) for name in frame.columns if name not in barred and not str(name).startswith("_"))


def content_codes(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.int64]:
    """One number per row, ``[n]``: equal numbers mean equal values in all of ``names`` (missing equals missing)."""
    codes = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        position, keys = as_keys(frame[name].to_numpy())
        code = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        canonical = np.array([code[key] for key in keys], dtype=np.int64)[position]
        codes = np.unique(codes * len(code) + canonical, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return codes


def content_keys(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The row's content as text, ``name=value`` by name: a new column that is missing everywhere changes nothing."""
    parts: list[list[str]] = [[] for _ in range(len(frame))]
    for name in names:
        for row, key in enumerate(column_keys(frame[name].to_numpy())):
            if key is not None:
                parts[row].append(f"{name}={key}")
    return ["\x1f".join(part) for part in parts]


def row_keys(frame: pd.DataFrame, columns: Columns) -> list[str]:
    """What names each row: its id, and its content where there is none."""
    names = content_names(frame, columns)
    if columns.id is None or columns.id not in frame:
        return content_keys(frame, names)
    keys = column_keys(frame[columns.id].to_numpy())
    nameless = [row for row, key in enumerate(keys) if key is None]
    contents = content_keys(frame.iloc[nameless], names) if nameless else []
    for row, content in zip(nameless, contents, strict=True):
        keys[row] = content
    return [key if key is not None else "" for key in keys]


def same_value(left: Any, right: Any) -> bool:
    """Whether two values are one category, however they are stored."""
    return category_key(left) == category_key(right)
