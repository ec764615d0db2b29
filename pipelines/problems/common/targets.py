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
        separator: multilabel: what parts the labels of one row.
    """

    task: Task
    classes: tuple[Any, ...]
    separator: str = ";"

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
        if columns.task == "multilabel":
            labels = sorted({label for value in values.tolist() for label in labels_of(value, columns.separator)})
            _check_classes(columns, labels, where)
            return Targets("multilabel", tuple(labels), columns.separator)
        classes = distinct(values)
        _check_classes(columns, classes, where)
        if columns.task == "binary":
            positive = category_key(columns.positive)
            classes = sorted(classes, key=lambda value: category_key(value) == positive)
        return Targets(columns.task, tuple(classes))

    @staticmethod
    def from_schema(schema: Mapping[str, Any]) -> Targets:
        """As written into ``schema.json``."""
        return Targets(schema["task"], tuple(schema["classes"]), str(schema.get("separator", ";")))

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """int64 class indices ``[n]``, multilabel 0 and 1 ``[n, k]``, or float64 for regression.

        Raises:
            DataError: a value that is none of the classes.
        """
        if self.task == "regression":
            return as_numbers(values)
        if self.task == "multilabel":
            return self._several(values)
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

    def _several(self, values: NDArray[Any]) -> NDArray[np.int64]:
        index = {label: place for place, label in enumerate(self.classes)}
        answer = np.zeros((len(values), len(self.classes)), dtype=np.int64)
        for row, value in enumerate(values.tolist()):
            for label in labels_of(value, self.separator):
                if label not in index:
                    raise DataError(
                        f"label {label!r} is none of {list(self.classes)[:10]}",
                        where={"row": row},
                        next_step="run the prepare stage again on these rows",
                    )
                answer[row, index[label]] = 1
        return answer


def labels_of(value: Any, separator: str) -> list[str]:
    """The labels of one row, each once, sorted; none of a missing value."""
    if not isinstance(value, str):
        return []
    return sorted({part.strip() for part in value.split(separator)} - {""})


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
