"""What every label stage does: which rows have a label, which contradict each other, and the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import DataError
from pipelines.features.values import as_numbers
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common.identity import column_keys
from pipelines.problems.common.noise import Noise
from pipelines.problems.common.splits import moments
from pipelines.problems.common.targets import Targets
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

DAY_SECONDS = 86_400.0

Conflicts = Callable[["pd.DataFrame", Product], NDArray[np.bool_]]
"""Rows that are one and the same with another one but for the label, ``[n]``."""


@dataclass(frozen=True)
class Labelled:
    """Rows with a label, contradictions left out where the product says so; counts of the others for the report."""

    frame: pd.DataFrame
    targets: Targets
    counts: dict[str, int]


def labelled(step: Step, conflicts: Conflicts) -> Labelled:
    """The accepted rows that have a label.

    Raises:
        DataError: no label at all, one class only, no row left.
    """
    product, columns = step.product, step.product.columns
    frame = read_parquet(step.input("validate") / "rows.parquet")
    rows_in = len(frame)
    if columns.target not in frame:
        raise DataError(
            f"the target column {columns.target!r} is missing",
            where={"columns": ", ".join(map(str, frame.columns[:10]))},
            next_step="mend columns.target in params.yaml, or the source",
        )
    young = _too_young(frame, product)
    known = _has_label(frame, product)
    frame = frame[known & ~young].reset_index(drop=True)
    if not len(frame):
        raise DataError("no row has a label", where={"rows": rows_in}, next_step="bring rows whose outcome is known")
    targets = Targets.learn(columns, frame[columns.target].to_numpy())
    conflict = conflicts(frame, product)
    if product.label.conflicts == "drop" and conflict.any():
        frame = frame[~conflict].reset_index(drop=True)
        if not len(frame):
            raise DataError(
                f"all {int(conflict.sum())} labelled rows contradict another row with the same features",
                where={"rows": rows_in},
                next_step="bring columns that tell the rows apart, or set label.conflicts to keep",
            )
        targets = Targets.learn(columns, frame[columns.target].to_numpy())
    counts = {
        "rows_in": rows_in,
        "without_label": int((~known).sum()),
        "younger_than_outcome_window": int((known & young).sum()),
        "conflicting": int(conflict.sum()),
        "conflicts_dropped": int(conflict.sum()) if product.label.conflicts == "drop" else 0,
        "rows": len(frame),
    }
    return Labelled(frame, targets, counts)


def write_labels(step: Step, found: Labelled, estimate: Noise) -> Verdict:
    """``rows.parquet`` (with ``_suspect``), ``report.json``, and the verdict on the estimated noise."""
    frame = found.frame
    frame["_suspect"] = np.round(estimate.suspect, 6)
    write_parquet(step.out / "rows.parquet", frame)
    report: dict[str, Any] = {
        **found.counts,
        "noise": estimate.to_json([str(value) for value in found.targets.classes]),
        "method": estimate.method,
    }
    write_json(step.out / "report.json", report)
    limit = step.product.label.max_noise
    check = Check(
        name="label_noise",
        ok=estimate.share <= limit,
        value=json_number(estimate.share),
        limit=limit,
        unit="share of labels",
        detail=f"{estimate.share:.1%} of the labels look wrong, out of fold",
    )
    return from_checks("label", step.name, [check], "look at the rows with the highest _suspect in label/rows.parquet")


def _has_label(frame: pd.DataFrame, product: Product) -> NDArray[np.bool_]:
    values = frame[product.columns.target].to_numpy()
    if product.columns.task == "regression":
        return ~np.isnan(as_numbers(values))
    return np.array([key is not None for key in column_keys(values)], dtype=bool)


def _too_young(frame: pd.DataFrame, product: Product) -> NDArray[np.bool_]:
    """Rows within the outcome window of the newest row: what they end in is not known yet."""
    window, time = product.label.outcome_window_days, product.columns.time
    if window is None or time is None:
        return np.zeros(len(frame), dtype=bool)
    if time not in frame:
        raise DataError(f"the time column {time!r} is missing", next_step="mend columns.time in params.yaml")
    moment = moments(frame[time])
    if np.isnan(moment).all():
        raise DataError(f"{time!r} holds no time that can be read", next_step="mend columns.time in params.yaml")
    unit = 1.0 if frame[time].dtype.kind in "fiu" else DAY_SECONDS
    return np.asarray(~(moment <= np.nanmax(moment) - window * unit), dtype=bool)


def contradicting(group: NDArray[np.int64], both: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows of a group that holds more than one label, ``[n]``.

    Args:
        group: one number per content of a row.
        both: one number per content and label.
    """
    if not len(group):
        return np.zeros(0, dtype=bool)
    labels = np.bincount(np.unique(np.stack([group, both]), axis=1)[0], minlength=int(group.max()) + 1)
    return np.asarray(labels[group] > 1, dtype=bool)
