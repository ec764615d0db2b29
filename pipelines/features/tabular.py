"""Table features: fitted once on the train rows, kept as JSON, applied the same way by prepare and by the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError, DataError
from pipelines.features.design import Design
from pipelines.features.values import as_keys, as_numbers, looks_like_dates

Columns = Mapping[str, NDArray[Any]]
Derive = Callable[[Mapping[str, NDArray[np.float64]]], dict[str, NDArray[np.float64]]]
"""Derived features, row by row: numeric columns ``{name: float64 [n], NaN where missing}`` in, new ones out."""

ONLY_DERIVED = "only derived features read it"
IDENTIFIER_SHARE = 0.9  # share of distinct values above which a categorical column names rows, not kinds of rows


@dataclass(frozen=True)
class FeatureState:
    """How raw columns become numbers.

    Attributes:
        numeric: raw numeric columns, in order.
        derived: names of derived features, in order, after the numeric ones.
        categorical: raw column -> known values, most frequent first; the code of the i-th is ``i + 1``.
        dropped: raw column or derived feature -> why it is not a feature.
        module: name of the module in ``pipelines/products`` that derives, or None.
        sources: raw numeric columns that ``derive`` is given: the numeric ones and dropped ones.
    """

    numeric: tuple[str, ...]
    categorical: Mapping[str, tuple[str, ...]]
    derived: tuple[str, ...] = ()
    dropped: Mapping[str, str] = field(default_factory=dict)
    module: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def raw(self) -> tuple[str, ...]:
        """Raw columns that a row must bring, in order."""
        return (*self.sources, *self.categorical)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal state back."""
        return {
            "version": 1,
            "numeric": list(self.numeric),
            "derived": list(self.derived),
            "categorical": [{"name": name, "values": list(values)} for name, values in self.categorical.items()],
            "dropped": dict(self.dropped),
            "module": self.module,
            "sources": list(self.sources),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> FeatureState:
        """The state of ``features.json``."""
        if value.get("version") != 1:
            raise DataError(
                f"feature state of version {value.get('version')!r}, this code reads 1",
                next_step="run the prepare stage again with this code",
            )
        return FeatureState(
            numeric=tuple(value["numeric"]),
            categorical={item["name"]: tuple(item["values"]) for item in value["categorical"]},
            derived=tuple(value["derived"]),
            dropped=dict(value["dropped"]),
            module=value["module"],
            sources=tuple(value["sources"]),
        )


def fit(
    columns: Columns,
    numeric: Sequence[str],
    categorical: Sequence[str],
    *,
    derive: Derive | None = None,
    module: str | None = None,
    max_categories: int = 200,
    only_derived: Sequence[str] = (),
) -> FeatureState:
    """Learn the feature state from train rows.

    Left out with a reason: columns without a value, with one value only, numeric columns that hold dates or text,
    categorical columns whose values are nearly all distinct.

    Args:
        columns: raw columns ``{name: array [n]}``; others than ``numeric`` and ``categorical`` are never read.
        numeric: raw numeric columns.
        categorical: raw categorical columns.
        derive: makes derived features from the numeric columns; it sees no others.
        module: the name under which ``derive`` is found again.
        max_categories: how many values of a categorical column get a code of their own.
        only_derived: raw numeric columns that ``derive`` reads and that are no features themselves.

    Raises:
        DataError: a column is missing, or no feature is left.
    """
    _require(columns, (*numeric, *categorical))
    numbers = {name: as_numbers(columns[name]) for name in numeric}
    dropped = {name: reason for name in numeric if (reason := _unusable_numbers(columns[name], numbers[name]))}
    dropped |= {name: ONLY_DERIVED for name in numeric if name in only_derived and name not in dropped}
    derived = _derive(derive, numbers)
    dropped |= {name: reason for name, values in derived.items() if (reason := _unusable_numbers(values, values))}
    known: dict[str, tuple[str, ...]] = {}
    for name in categorical:
        values, reason = _vocabulary(columns[name], max_categories)
        if reason:
            dropped[name] = reason
        else:
            known[name] = values
    state = FeatureState(
        numeric=tuple(name for name in numeric if name not in dropped),
        categorical=known,
        derived=tuple(name for name in derived if name not in dropped),
        dropped=dropped,
        module=module if derive else None,
        sources=tuple(numeric),
    )
    if not (state.numeric or state.derived or state.categorical):
        raise DataError(
            "no usable feature: every column is empty, constant, a date or an identifier",
            where={"columns": ", ".join(sorted(dropped))},
            next_step="list columns that vary under columns.numeric or columns.categorical",
        )
    return state


def transform(state: FeatureState, columns: Columns, derive: Derive | None = None) -> Design:
    """Features of ``n`` rows from raw columns; the answer for a row never depends on the rows beside it.

    Args:
        state: from :func:`fit` or ``features.json``.
        columns: ``{name: array [n]}`` of any dtype, object arrays of JSON values included.
        derive: what ``state.module`` names.

    Raises:
        DataError: a column of ``state.raw`` is missing.
        ConfigError: the state has derived features and ``derive`` does not make them.
    """
    _require(columns, state.raw)
    numbers = {name: as_numbers(columns[name]) for name in state.sources}
    derived = _derive(derive, numbers) if state.derived else {}
    absent = [name for name in state.derived if name not in derived]
    if absent:
        raise ConfigError(
            "the product's code does not make the derived features that the model was trained on",
            where={"module": state.module, "features": ", ".join(absent[:5])},
            next_step="serve the model with the code it was trained with, or train it again",
        )
    count = len(next(iter(columns.values()))) if columns else 0
    numeric = np.empty((count, len(state.numeric) + len(state.derived)), dtype=np.float32)
    for place, name in enumerate(state.numeric):
        numeric[:, place] = numbers[name]
    for place, name in enumerate(state.derived, start=len(state.numeric)):
        numeric[:, place] = derived[name]
    categorical = np.empty((count, len(state.categorical)), dtype=np.int32)
    for place, (name, values) in enumerate(state.categorical.items()):
        categorical[:, place] = _codes(columns[name], values)
    return Design(
        numeric=numeric,
        categorical=categorical,
        numeric_names=(*state.numeric, *state.derived),
        categorical_names=tuple(state.categorical),
        cardinalities=tuple(len(values) + 1 for values in state.categorical.values()),
    )


def _require(columns: Columns, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        raise DataError(
            f"column {missing[0]!r} is missing" + (f", and {len(missing) - 1} more" if len(missing) > 1 else ""),
            where={"columns": ", ".join(missing[:10])},
            next_step="bring the columns that the product's block in params.yaml lists",
        )


def _derive(derive: Derive | None, numbers: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    if derive is None:
        return {}
    try:
        with np.errstate(all="ignore"):
            derived = derive(numbers)
    except KeyError as error:
        raise ConfigError(
            f"a derived feature reads column {error.args[0]!r}, which is not one of the product's numeric features",
            next_step="list it under columns.numeric (protected columns may not be read), or drop columns.features",
        ) from error
    clash = sorted(set(derived) & set(numbers))
    if clash:
        raise ConfigError(f"derived feature {clash[0]!r} has the name of a raw column", next_step="rename it")
    return {name: as_numbers(np.asarray(values, dtype=np.float64)) for name, values in derived.items()}


def _unusable_numbers(raw: NDArray[Any], numbers: NDArray[np.float64]) -> str:
    present = numbers[~np.isnan(numbers)]
    if not present.size:
        if looks_like_dates(raw):
            return "holds dates: name it as columns.time, or derive numbers from it"
        return "holds no number"
    if present.size == numbers.size and present.min() == present.max():
        return "has one value only"
    return ""


def _vocabulary(column: NDArray[Any], max_categories: int) -> tuple[tuple[str, ...], str]:
    position, keys = as_keys(column)
    counts: dict[str, int] = {}
    for key, count in zip(keys, np.bincount(position, minlength=len(keys)).tolist(), strict=True):
        if key is not None:
            counts[key] = counts.get(key, 0) + count
    present = sum(counts.values())
    if not counts:
        return (), "holds no value"
    if len(counts) == 1 and present == len(column):
        return (), "has one value only"
    if len(counts) > max_categories and len(counts) >= IDENTIFIER_SHARE * present:
        what = "dates" if looks_like_dates(column) else "identifiers"
        return (), f"has {len(counts)} values in {present} rows: {what}, not categories"
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    return tuple(ranked[:max_categories]), ""


def _codes(column: NDArray[Any], values: Sequence[str]) -> NDArray[np.int32]:
    position, keys = as_keys(column)
    code = {value: place for place, value in enumerate(values, start=1)}
    table = np.array([0 if key is None else code.get(key, 0) for key in keys] or [0], dtype=np.int32)
    return table[position]
