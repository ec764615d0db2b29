"""What the chosen model goes by: exact SHAP values of the trees on a spread of test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.files import json_number
from pipelines.models import load_model
from pipelines.models.lightgbm import matrix
from pipelines.problems.common.explaining import importance, spread
from pipelines.problems.common.reasons import strongest
from pipelines.problems.common.trained import Answers
from pipelines.problems.forecast.core.prepared import Prepared, Rows
from pipelines.problems.forecast.core.rhythm import to_text

ROWS, EXAMPLES, TOP = 400, 6, 6


def explain(prepared: Prepared, members: Sequence[Answers], weights: Sequence[float], test: Rows) -> dict[str, Any]:
    """The content of ``explanations.json``; contributions are relative to the series' own level."""
    unit = "log of demand against the level" if prepared.spec.scale == "log" else "demand against the level"
    trees = [(one, weight) for one, weight in zip(members, weights, strict=True) if one.family == "lightgbm"]
    tables: list[dict[str, Any]] = [
        {
            "model": one.model,
            "method": "the series' own past" if one.family == "statistical" else "no contributions of a network",
            "weight": weight,
            "incompleteness": 0.0,
            "importance": [],
        }
        for one, weight in zip(members, weights, strict=True)
        if one.family != "lightgbm"
    ]
    if not trees:
        return {"unit": unit, "rows": 0, "models": tables, "importance": [], "examples": {"rows": []}}
    origin, _ = prepared.side("test")
    rows = spread(test, ROWS)
    design = prepared.design(origin, rows)
    member, weight = trees[0]
    model = load_model(member.folder)
    boosters: list[Any] = [one.booster for one in model.members]  # type: ignore[attr-defined]
    inputs = matrix(design)
    found = np.mean([booster.predict(inputs, pred_contrib=True, num_threads=1) for booster in boosters], axis=0)
    values, base = found[:, :-1], found[:, -1]
    ranked = importance(design, values)
    raw = model.predict(design)
    entry = {
        "model": member.model,
        "method": "shap",
        "weight": weight,
        "incompleteness": json_number(float(np.max(np.abs(base + values.sum(axis=1) - raw))), 3),
        "importance": ranked,
    }
    places = np.linspace(0, len(rows) - 1, min(EXAMPLES, len(rows))).astype(np.int64)
    reasons = strongest(design.take(places), values[places], prepared.state.categorical, TOP)
    examples = [
        {
            "row": int(rows[place]),
            "series": prepared.history.keys[int(prepared.series[rows[place]])],
            "step": to_text(int(prepared.steps[rows[place]]), prepared.spec.frequency),
            "score": [json_number(float(member.at(rows[place : place + 1])[0]))],
            "outcome": json_number(float(prepared.y[rows[place]])),
            "reasons": [reason.to_json() for reason in why],
        }
        for place, why in zip(places.tolist(), reasons, strict=True)
    ]
    return {
        "unit": unit,
        "rows": len(rows),
        "models": [entry, *tables],
        "importance": ranked,
        "examples": {"method": "shap", "model": member.model, "rows": examples},
    }
