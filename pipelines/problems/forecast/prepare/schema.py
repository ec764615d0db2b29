"""What the service accepts: the series, the step, the origin, and what is known in advance of the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.config import Product
from pipelines.features.values import as_numbers
from pipelines.files import json_number
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.targets import distinct
from pipelines.problems.forecast.core.history import History
from pipelines.problems.forecast.core.rhythm import Steps, to_text
from pipelines.problems.forecast.core.spec import ORIGIN, Spec

if TYPE_CHECKING:
    import pandas as pd

MAX_ALLOWED = 50  # categories or series; a field with more accepts any, the model says which it does not know


def build(
    product: Product, spec: Spec, history: History, frame: pd.DataFrame, steps: Steps, origins: dict[str, int]
) -> dict[str, Any]:
    """The content of ``schema.json``; the form of fields is that of tables (docs/contracts.md)."""
    last = history.end - 1
    fields = [_series(spec, history, frame), *_moments(spec, last)]
    latest = frame_columns(frame[steps > last - 2 * spec.rhythm.year], spec.known)
    fields += [_numeric(name, latest[name]) for name in spec.known_numeric]
    fields += [_categorical(name, latest[name]) for name in spec.known_categorical]
    return {
        "fields": fields,
        "target": product.columns.target,
        "task": "regression",
        "classes": [],
        "id": None,
        "title": product.title,
        "forecast": {
            "horizon": spec.horizon,
            "frequency": spec.frequency,
            "quantiles": list(spec.quantiles),
            "origin": to_text(last, spec.frequency),
            "judged_from": to_text(origins["test"], spec.frequency),
            "series": len(history.keys),
        },
    }


def _series(spec: Spec, history: History, frame: pd.DataFrame) -> dict[str, Any]:
    whole = frame[spec.series].dtype.kind in "iu"
    keys: list[Any] = [int(key) for key in history.keys] if whole else list(history.keys)
    field = {
        "name": spec.series,
        "type": "integer" if whole else "string",
        "nullable": False,
        "example": sorted(keys)[0],
        "description": f"one of {len(keys)} series with a history; others cannot be forecast",
    }
    if len(keys) <= MAX_ALLOWED:
        field["allowed"] = sorted(keys)
    return field


def _moments(spec: Spec, last: int) -> list[dict[str, Any]]:
    unit = spec.frequency
    return [
        {
            "name": spec.time,
            "type": "string",
            "nullable": False,
            "example": to_text(last + 1, unit),
            "description": f"the {unit} that is forecast, ISO 8601: 1 to {spec.horizon} {unit}s after the origin",
        },
        {
            "name": ORIGIN,
            "type": "string",
            "nullable": True,
            "example": None,
            "description": f"the last {unit} that is known, ISO 8601: up to {spec.horizon} {unit}s before"
            f" {to_text(last, unit)}, which is taken where it is left out",
        },
    ]


def _numeric(name: str, raw: Any) -> dict[str, Any]:
    numbers = as_numbers(raw)
    present = numbers[~np.isnan(numbers)]
    low, high = (float(present.min()), float(present.max())) if present.size else (0.0, 0.0)
    span = (high - low) or abs(high) or 1.0
    whole = bool(np.all(present == np.round(present)))
    flag = whole and present.size > 0 and low >= 0 and high <= 1
    shown: Any = int if whole else json_number
    field: dict[str, Any] = {
        "name": name,
        "type": "integer" if whole else "number",
        "nullable": bool(present.size < numbers.size),
        "example": shown(float(np.quantile(present, 0.5, method="lower"))) if present.size else None,
        "description": f"known in advance; the history holds {shown(low)} to {shown(high)}",
    }
    if flag:
        return {**field, "allowed": [0, 1]}
    low_limit = max(0.0, low - span) if low >= 0 else low - span
    return {**field, "minimum": shown(low_limit), "maximum": shown(high + span), "seen": [shown(low), shown(high)]}


def _categorical(name: str, raw: Any) -> dict[str, Any]:
    values = distinct(raw)
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    field: dict[str, Any] = {
        "name": name,
        "type": "integer" if whole else "string",
        "nullable": any(value is None for value in np.asarray(raw, dtype=object).tolist()),
        "example": values[0] if whole else str(values[0]),
        "description": f"known in advance; the history holds {len(values)} values",
    }
    if len(values) <= MAX_ALLOWED:
        field["allowed"] = values if whole else [str(value) for value in values]
    return field
