"""What was demanded: all series on one grid of steps. Prepare writes it, the bundle carries its last stretch."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.features.values import category_key
from pipelines.files import read_json, write_bytes, write_json
from pipelines.problems.forecast.core.rhythm import Frequency

ARRAYS, NAMES = "history.npz", "series.json"


@dataclass(frozen=True)
class History:
    """``S`` series on ``T`` steps.

    Attributes:
        frequency: the step.
        start: the first step, in steps since 1970.
        keys: the series' keys as text, sorted; a row of the arrays each.
        values: float32 ``[S, T]``; NaN where nothing is known: no row, closed, or stock ran out.
        state: int8 ``[S, T]``: value of the promotion column (0 or 1), -1 where not known; all 0 without one.
        static: ``{column: object array [S]}``: what never changes about a series.
    """

    frequency: Frequency
    start: int
    keys: tuple[str, ...]
    values: NDArray[np.float32]
    state: NDArray[np.int8]
    static: Mapping[str, NDArray[Any]]

    @property
    def end(self) -> int:
        """The step after the last one."""
        return self.start + int(self.values.shape[1])

    @cached_property
    def _index(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self.keys)}

    def places(self, keys: NDArray[Any]) -> NDArray[np.int64]:
        """Row of each key ``[n]``, -1 for a series that is not known."""
        index = self._index
        if keys.dtype.kind in "iu":
            unique, position = np.unique(keys, return_inverse=True)
            table = np.array([index.get(str(key), -1) for key in unique.tolist()] or [-1], dtype=np.int64)
            return table[position.reshape(-1)]
        return np.array([index.get(category_key(key) or "", -1) for key in keys.tolist()], dtype=np.int64)

    def at(self, series: NDArray[np.int64], steps: NDArray[np.int64], before: int) -> NDArray[np.float64]:
        """Values of (series, step) pairs ``[n]``; NaN off the grid and from the step ``before`` on."""
        place = steps - self.start
        inside = (place >= 0) & (steps < min(before, self.end))
        found = np.full(len(steps), np.nan)
        found[inside] = self.values[series[inside], place[inside]]
        return found

    def cut(self, start: int, end: int) -> History:
        """Only the steps from ``start`` to before ``end``."""
        low, high = max(start, self.start), min(end, self.end)
        part = slice(low - self.start, max(high, low) - self.start)
        return History(self.frequency, low, self.keys, self.values[:, part], self.state[:, part], self.static)

    def save(self, folder: Path) -> None:
        """Write ``history.npz`` and ``series.json``."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, values=self.values, state=self.state)
        write_bytes(folder / ARRAYS, buffer.getvalue())
        static = {name: [_plain(value) for value in values] for name, values in self.static.items()}
        names = {"frequency": self.frequency, "start": self.start, "keys": list(self.keys), "static": static}
        write_json(folder / NAMES, names)


def load_history(folder: Path) -> History:
    """Read what :meth:`History.save` wrote; nothing in it can run code.

    Raises:
        BundleError: a file is missing, damaged, or the two do not fit.
    """
    try:
        names = read_json(folder / NAMES)
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            values, state = arrays["values"], arrays["state"]
        static = {name: object_array(column) for name, column in names["static"].items()}
        keys = tuple(names["keys"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"the history cannot be read: {error}", where={"folder": folder.name}, next_step="prepare and pack again"
        ) from error
    if values.shape != state.shape or len(keys) != len(values):
        raise BundleError(
            "history.npz and series.json are of different sizes",
            where={"folder": folder.name, "series": len(keys)},
            next_step="prepare and pack again",
        )
    return History(names["frequency"], int(names["start"]), keys, values, state, static)


def object_array(values: Sequence[Any]) -> NDArray[Any]:
    """Python values as an object array ``[n]``."""
    found = np.empty(len(values), dtype=object)
    found[:] = list(values)
    return found


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain
