"""The target column as numbers, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.columns import Columns
from pipelines.errors import DataError
from pipelines.features.values import as_keys, as_numbers, category_key
from pipelines.models.base import Task

MAX_CLASSES = 200


@dataclass(frozen=True)
class Targets:
    """Task and classes.

    Attributes:
        task: binary, multiclass or regression.
        classes: target values in order of their index (binary: the positive one is last); empty for regression.
    """

    task: Task
    classes: tuple[Any, ...]

    @staticmethod
    def learn(columns: Columns, values: NDArray[Any]) -> Targets:
        """Classes from the labels that are there.

        Raises:
            DataError: one class only, more than two for binary, the positive value absent, no number for regression.
        """
        where = {"column": columns.target, "rows": len(values)}
        if columns.task == "regression":
            numbers = as_numbers(values)
            found = numbers[~np.isnan(numbers)]
            if not found.size or found.min() == found.max():
                raise DataError(
                    "the target holds one value only" if found.size else "the target holds no number",
                    where=where,
                    next_step="mend the target column, or set columns.task to what it is",
                )
            return Targets("regression", ())
        classes = distinct(values)
        _check_classes(columns, classes, where)
        if columns.task == "binary":
            positive = category_key(columns.positive)
            classes = sorted(classes, key=lambda value: category_key(value) == positive)
        return Targets(columns.task, tuple(classes))

    @staticmethod
    def from_schema(schema: Mapping[str, Any]) -> Targets:
        """As written into ``schema.json``."""
        return Targets(schema["task"], tuple(schema["classes"]))

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """int64 class indices ``[n]``, or float64 for regression.

        Raises:
            DataError: a value that is none of the classes.
        """
        if self.task == "regression":
            return as_numbers(values)
        position, keys = as_keys(values)
        index = {category_key(value): place for place, value in enumerate(self.classes)}
        unknown = [key for key in keys if key not in index]
        if unknown:
            raise DataError(
                f"target value {unknown[0]!r} is none of the classes {list(self.classes)[:10]}",
                next_step="run the prepare stage again on these rows",
            )
        table = np.array([index[key] for key in keys], dtype=np.int64)
        return table[position]


def distinct(values: NDArray[Any]) -> list[Any]:
    """Distinct non-null values as plain JSON values: numbers by size, then text by code point."""
    position, keys = as_keys(values)
    found: dict[str, Any] = {}
    for place, key in enumerate(keys):
        if key is not None and key not in found:
            first = values[int(np.flatnonzero(position == place)[0])]
            found[key] = key if isinstance(first, np.datetime64) else _plain(first)
    return sorted(found.values(), key=lambda value: (isinstance(value, str), value))


def _plain(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and plain.is_integer():
        return int(plain)
    return plain if isinstance(plain, int | float | str) else str(plain)


def _check_classes(columns: Columns, classes: Sequence[Any], where: Mapping[str, object]) -> None:
    if len(classes) < 2:
        raise DataError(
            f"the target has one class only: {list(classes)}",
            where=where,
            next_step="bring rows of the other class; nothing can be learnt from one",
        )
    if columns.task == "binary":
        if len(classes) > 2:
            raise DataError(
                f"the target has {len(classes)} classes: {list(classes)[:5]}, but columns.task is binary",
                where=where,
                next_step="set columns.task to multiclass, or mend the target column",
            )
        if category_key(columns.positive) not in {category_key(value) for value in classes}:
            raise DataError(
                f"columns.positive is {columns.positive!r}, the target holds {list(classes)}",
                where=where,
                next_step="set columns.positive to one of them",
            )
    if len(classes) > MAX_CLASSES:
        raise DataError(
            f"the target has {len(classes)} classes, at most {MAX_CLASSES} are supported",
            where=where,
            next_step="set columns.task to regression if the target is a quantity",
        )
