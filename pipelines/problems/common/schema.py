"""What the service accepts: one field per raw column that the features read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.features.tabular import Columns, FeatureState
from pipelines.features.values import as_keys, as_numbers
from pipelines.files import json_number
from pipelines.problems.common.targets import Targets, distinct

MAX_ALLOWED = 50  # categories; a field with more accepts any text or number


def build(product: Product, state: FeatureState, columns: Columns, targets: Targets) -> dict[str, Any]:
    """The content of ``schema.json``.

    A numeric field's ``minimum`` and ``maximum`` are what the train rows held, widened by their whole span on either
    side and never across zero: next month's clients may be larger, a wrong unit may not pass. ``seen`` are the
    values themselves. ``allowed`` lists the categories of the train rows. ``also`` are columns that a client may send:
    they are logged, for fairness in production and for rows that may be learned from, and no model reads them.

    Args:
        product: the product's block.
        state: the feature state; its ``raw`` columns are the fields.
        columns: raw columns of the train rows.
        targets: task and classes.
    """
    fields = [_numeric(name, columns[name]) for name in state.sources]
    fields += [_categorical(name, columns[name], state.categorical[name]) for name in state.categorical]
    return {
        "fields": fields,
        "also": [name for name in product.requirements.protected if name not in {field["name"] for field in fields}],
        "target": product.columns.target,
        "task": targets.task,
        "classes": list(targets.classes),
        "id": product.columns.id,
        "title": product.title,
    }


def _numeric(name: str, raw: NDArray[Any]) -> dict[str, Any]:
    numbers = as_numbers(raw)
    present = numbers[~np.isnan(numbers)]
    if not present.size:
        return {
            "name": name, "type": "number", "nullable": True, "example": None,
            "description": "a number; the train rows held none, so it is not used",
        }  # fmt: skip
    low, high = float(present.min()), float(present.max())
    span = high - low
    minimum = max(0.0, low - span) if low >= 0 else low - span
    maximum = min(0.0, high + span) if high <= 0 else high + span
    whole = bool(np.all(present == np.round(present)))
    shown = int if whole else json_number
    kind = "whole number" if whole else "number"
    return {
        "name": name,
        "type": "integer" if whole else "number",
        "nullable": bool(present.size < numbers.size),
        "minimum": shown(minimum),
        "maximum": shown(maximum),
        "seen": [shown(low), shown(high)],
        "example": shown(float(np.quantile(present, 0.5, method="lower"))),
        "description": f"{kind}; the train rows held {shown(low)} to {shown(high)}",
    }


def _categorical(name: str, raw: NDArray[Any], known: tuple[str, ...]) -> dict[str, Any]:
    values = distinct(raw)
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    field: dict[str, Any] = {
        "name": name,
        "type": "integer" if whole else "string",
        "nullable": any(key is None for key in as_keys(raw)[1]),
        "example": int(known[0]) if whole else known[0],
        "description": f"category; the train rows held {len(values)} values",
    }
    if len(values) <= MAX_ALLOWED:
        field["allowed"] = values if whole else [str(value) for value in values]
    return field
