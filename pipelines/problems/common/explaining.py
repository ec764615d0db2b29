"""Which features the chosen model goes by: over all rows, and for single rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.features.tabular import FeatureState
from pipelines.files import json_number
from pipelines.models.base import Task
from pipelines.problems.common import reasons

FloatArray = NDArray[np.float64]

MAX_ROWS = 500  # test rows explained, evenly spread
EXAMPLES = 3  # rows at the top, in the middle and at the bottom
TOP = 6  # reasons per example row


@dataclass(frozen=True)
class Explained:
    """Contributions of one model on the same rows.

    Attributes:
        model: its name.
        method: ``shap`` or ``integrated_gradients``.
        weight: of the model in the blend.
        values: ``[n, p + q]``, or ``[n, k, p + q]`` for several classes; unit of the raw score.
        base: the raw score that the contributions start from, ``[n]`` or ``[n, k]``.
        raw: the raw score that they add up to, ``[n]`` or ``[n, k]``.
    """

    model: str
    method: str
    weight: float
    values: FloatArray
    base: FloatArray
    raw: FloatArray

    @property
    def incompleteness(self) -> float:
        """Largest distance between base plus contributions and the raw score."""
        return float(np.max(np.abs(self.base + self.values.sum(axis=-1) - self.raw)))


Explain = Callable[[Design], Explained]


def spread(rows: NDArray[np.int64], count: int = MAX_ROWS) -> NDArray[np.int64]:
    """At most ``count`` of the rows, evenly spread over them."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def reference_row(design: Design) -> dict[str, list[Any]]:
    """The usual row: medians of the numbers, the most frequent code of each category; None where all are missing."""
    numeric: list[Any] = []
    for j in range(design.numeric.shape[1]):
        known = design.numeric[:, j][~np.isnan(design.numeric[:, j])]
        numeric.append(float(np.quantile(known, 0.5, method="lower")) if known.size else None)
    modes = [np.bincount(design.categorical[:, j]).argmax() for j in range(design.categorical.shape[1])]
    return {"numeric": numeric, "categorical": [int(code) for code in modes]}


def of_answered_class(values: FloatArray, score: FloatArray) -> FloatArray:
    """``[n, f]``: for several classes the contributions to the most probable one."""
    return values if values.ndim == 2 else values[np.arange(len(values)), np.argmax(score, axis=1)]


def report(
    task: Task,
    explained: Sequence[Explained],
    design: Design,
    state: FeatureState,
    rows: NDArray[np.int64],
    score: FloatArray,
    outcomes: Sequence[Any],
) -> dict[str, Any]:
    """The content of ``explanations.json``.

    Args:
        task: kind of problem.
        explained: contributions of each chosen model on ``design``.
        design: explained rows ``[n]``.
        state: names of categories.
        rows: their positions in prepare's rows.
        score: their calibrated scores.
        outcomes: their true target values.
    """
    combined = np.zeros(())
    for one in explained:
        combined = combined + one.weight * of_answered_class(one.values, score)
    single = next((one for one in explained if one.method == "shap"), explained[0])
    values = of_answered_class(single.values, score)
    return {
        "unit": "value" if task == "regression" else "log-odds",
        "rows": len(design),
        "models": [
            {
                "model": one.model,
                "method": one.method,
                "weight": json_number(one.weight),
                "incompleteness": json_number(one.incompleteness, 3),
                "importance": importance(design, of_answered_class(one.values, score)),
            }
            for one in explained
        ],
        "importance": importance(design, combined),
        "examples": {
            "method": single.method,
            "model": single.model,
            "rows": _examples(design, state, values, rows, score, outcomes),
        },
    }


def importance(design: Design, values: FloatArray) -> list[dict[str, Any]]:
    """Features by mean size of contribution, largest first.

    ``direction`` is the rank correlation of a numeric feature with its contribution: 1 where more of it always raises
    the score, -1 where it always lowers it; None for categories and for features that never contribute.
    """
    size = np.abs(values).mean(axis=0)
    total = float(size.sum()) or 1.0
    names = reasons.names_of(design)
    entries = []
    for place in np.argsort(-size, kind="stable").tolist():
        numeric = place < len(design.numeric_names)
        entries.append(
            {
                "feature": names[place],
                "mean_size": json_number(size[place], 6),
                "share": json_number(size[place] / total, 6),
                "direction": _direction(design.numeric[:, place], values[:, place]) if numeric else None,
            }
        )
    return entries


def _direction(feature: NDArray[np.float32], contribution: FloatArray) -> float | None:
    known = ~np.isnan(feature)
    if known.sum() < 3:
        return None
    x, y = _ranks(feature[known]), _ranks(contribution[known])
    spread_x, spread_y = x.std(), y.std()
    if spread_x == 0 or spread_y == 0:
        return None
    return json_number(float(np.mean((x - x.mean()) * (y - y.mean())) / (spread_x * spread_y)), 3)


def _ranks(values: NDArray[Any]) -> FloatArray:
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[position], dtype=np.float64)


def _examples(
    design: Design,
    state: FeatureState,
    values: FloatArray,
    rows: NDArray[np.int64],
    score: FloatArray,
    outcomes: Sequence[Any],
) -> list[dict[str, Any]]:
    height = score if score.ndim == 1 else score.max(axis=1)
    order = np.argsort(-height, kind="stable")
    middle = max(0, len(order) // 2 - EXAMPLES // 2)
    places = list(dict.fromkeys([*order[:EXAMPLES], *order[middle : middle + EXAMPLES], *order[-EXAMPLES:]]))
    chosen = np.array(places, dtype=np.int64)
    found = reasons.strongest(design.take(chosen), values[chosen], state.categorical, TOP)
    return [
        {
            "row": int(rows[place]),
            "score": [json_number(value) for value in np.atleast_1d(score[place]).tolist()],
            "outcome": outcomes[int(place)],
            "reasons": [reason.to_json() for reason in list_of],
        }
        for place, list_of in zip(places, found, strict=True)
    ]


def shap_of(scorer: Any, model: str, weight: float, design: Design) -> Explained:
    """Exact SHAP values of a LightGBM scorer."""
    found = scorer.contributions(design)
    return Explained(model, "shap", weight, found[..., :-1], found[..., -1], scorer.raw(design))


def table(found: Mapping[str, Any], count: int = 15) -> list[tuple[str, float, float | None]]:
    """The most important features of a report: name, mean size, direction."""
    return [(entry["feature"], entry["mean_size"], entry["direction"]) for entry in found["importance"][:count]]
