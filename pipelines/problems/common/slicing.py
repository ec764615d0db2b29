"""The chosen model on named groups of test rows, protected columns included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError
from pipelines.files import json_number
from pipelines.metrics import slices
from pipelines.metrics.intervals import Estimate, estimates
from pipelines.metrics.judges import Task, judge

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

SHOWN: Mapping[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "brier"),
    "multiclass": ("accuracy", "log_loss"),
    "multilabel": ("micro_f1", "subset_accuracy"),
    "regression": ("mae", "rmse"),
}
MIN_ROWS = 10  # fewer are counted, not measured
QUARTILES = (0.25, 0.5, 0.75)


def measure_slices(
    product: Product,
    frame: pd.DataFrame,
    y: NDArray[Any],
    score: FloatArray,
    acted: NDArray[np.bool_] | None,
) -> list[dict[str, Any]]:
    """One entry per column of ``evaluate.slices``, then per protected column that is not among them.

    Args:
        product: names the columns, bin edges, fairness limits, resamples and confidence.
        frame: the test rows.
        y: their outcomes.
        score: calibrated scores.
        acted: binary: decisions.

    Raises:
        ConfigError: a column is not in the data.
    """
    edges = dict(product.evaluate.slices)
    protected = product.requirements.protected
    for column in (*edges, *protected):
        if column not in frame:
            raise ConfigError(
                f"slice column {column!r} is not in the data",
                where={"key": "evaluate.slices or requirements.protected"},
                next_step=f"choose among: {', '.join(name for name in map(str, frame.columns) if name[0] != '_')}",
            )
    for column in protected:
        edges.setdefault(column, _edges(frame[column]))
    return [_column(product, column, edges[column], frame, y, score, acted) for column in edges]


def _edges(values: pd.Series) -> tuple[float, ...]:
    """Quartiles for a numeric column of many values, otherwise one group per value."""
    if values.dtype.kind not in "fiu" or values.nunique() <= slices.MAX_GROUPS:
        return ()
    return tuple(sorted({float(value) for value in values.quantile(list(QUARTILES), interpolation="lower")}))


def _column(
    product: Product,
    column: str,
    edges: tuple[float, ...],
    frame: pd.DataFrame,
    y: NDArray[Any],
    score: FloatArray,
    acted: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    settings, least = product.evaluate, product.requirements.fairness.min_group_rows
    groups: list[dict[str, Any]] = []
    values: dict[str, dict[str, float]] = {"recall": {}, "selection_rate": {}}
    drawn: dict[str, dict[str, FloatArray]] = {"recall": {}, "selection_rate": {}}
    for seed, (name, mask) in enumerate(slices.groups_of(frame[column].to_numpy(dtype=object), edges).items()):
        rows = int(mask.sum())
        judged = rows >= least
        group: dict[str, Any] = {"name": name, "rows": rows, "judged": judged, "metrics": {}}
        if product.columns.task == "binary":
            group["positives"] = int(y[mask].sum())
            group["mean_score"] = json_number(score[mask].mean())
        if rows >= MIN_ROWS:
            one = judge(product.columns.task, y[mask], score[mask], SHOWN[product.columns.task])
            group["metrics"] = numbers(estimates(one, settings.resamples, settings.confidence, seed))
            if acted is not None:
                found, replicates = slices.rates(y[mask], acted[mask], settings.resamples, settings.confidence, seed)
                group["metrics"] |= numbers(found)
                if judged:
                    for rate in values:
                        values[rate][name] = found[rate].value
                        drawn[rate][name] = replicates[rate]
        groups.append(group)
    part: dict[str, Any] = {
        "column": column,
        "edges": list(edges),
        "protected": column in product.requirements.protected,
        "min_group_rows": least,
        "groups": groups,
    }
    if acted is not None:
        gaps = {rate: slices.gap(values[rate], drawn[rate], settings.confidence) for rate in values}
        part["gaps"] = {rate: gap_json(gap) for rate, gap in gaps.items()}
    return part


def gap_json(gap: slices.Gap) -> dict[str, Any] | None:
    """A gap as JSON; None with fewer than two judged groups."""
    if np.isnan(gap.estimate.value):
        return None
    return {**number(gap.estimate), "highest": gap.highest, "lowest": gap.lowest}


def number(found: Estimate) -> dict[str, float | None]:
    """An estimate as JSON."""
    return {"value": json_number(found.value), "low": json_number(found.low), "high": json_number(found.high)}


def numbers(found: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """Estimates as JSON."""
    return {name: number(one) for name, one in found.items()}
