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
from pipelines.problems.common.identity import column_keys, row_keys
from pipelines.problems.common.noise import Noise
from pipelines.problems.common.provenance import HUMAN, REVIEWED, SOURCE, label_weights
from pipelines.problems.common.splits import moments
from pipelines.problems.common.targets import Targets
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

DAY_SECONDS = 86_400.0
MOST_SUSPECTS = 1000  # labels listed in suspects.json
LIKELY_WRONG = 0.5  # another class is more probable than the given one, out of fold

Conflicts = Callable[["pd.DataFrame", Product], NDArray[np.bool_]]
"""Rows that are one and the same with another one but for the label, ``[n]``."""


@dataclass(frozen=True)
class Labelled:
    """Rows with a label, contradictions left out where the product says so; counts of the others for the report.

    ``unlabelled``: the rows without a label that are not too young to have one.
    """

    frame: pd.DataFrame
    targets: Targets
    counts: dict[str, int]
    unlabelled: pd.DataFrame


@dataclass(frozen=True)
class Wider:
    """The labelled rows with rows below them whose label no person gave, and what the report tells of those."""

    frame: pd.DataFrame
    report: dict[str, Any]


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
    rest = frame[~known & ~young].reset_index(drop=True)
    frame = frame[known & ~young].reset_index(drop=True)
    if not len(frame):
        raise DataError("no row has a label", where={"rows": rows_in}, next_step="bring rows whose outcome is known")
    targets = Targets.learn(columns, frame[columns.target].to_numpy())
    conflict = conflicts(frame, product) & ~_settled_by_people(frame, product, conflicts)
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
    return Labelled(frame, targets, counts, rest)


def write_labels(step: Step, found: Labelled, estimate: Noise, wider: Wider | None = None) -> Verdict:
    """``rows.parquet`` (with ``_suspect``), ``report.json``, ``suspects.json``, and the verdict on the estimated noise.

    Args:
        step: the stage.
        found: the labelled rows.
        estimate: of their labels.
        wider: the same rows and others below them; the others are as suspect as their source is unsure.
    """
    frame = found.frame if wider is None else wider.frame
    suspect = np.zeros(len(frame))
    suspect[: len(found.frame)] = estimate.suspect
    if wider is not None:
        suspect[len(found.frame) :] = 1.0 - label_weights(frame)[len(found.frame) :]
    frame["_suspect"] = np.round(suspect, 6)
    write_parquet(step.out / "rows.parquet", frame)
    write_json(step.out / "suspects.json", _suspects(step.product, found, estimate))
    report: dict[str, Any] = {
        **found.counts,
        "noise": estimate.to_json([str(value) for value in found.targets.classes]),
        "method": estimate.method,
        "label_source": _by_source(frame),
        **({} if wider is None else {"labelled_by_others": wider.report}),
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


def _settled_by_people(frame: pd.DataFrame, product: Product, conflicts: Conflicts) -> NDArray[np.bool_]:
    """Rows whose label people have reviewed ``[n]``: it stands against an equal row's other label, unless people have
    contradicted each other."""
    reviewed = (frame[SOURCE] == REVIEWED).to_numpy() if SOURCE in frame else np.zeros(len(frame), dtype=bool)
    settled = reviewed.copy()
    settled[reviewed] = ~conflicts(frame[reviewed].reset_index(drop=True), product)
    return np.asarray(settled, dtype=bool)


def _by_source(frame: pd.DataFrame) -> dict[str, int]:
    """Rows by who gave the label: ``human`` is the source itself."""
    if SOURCE not in frame:
        return {HUMAN: len(frame)}
    names = frame[SOURCE].fillna(HUMAN).value_counts().sort_index()
    return {str(name): int(rows) for name, rows in names.items()}


def _suspects(product: Product, found: Labelled, estimate: Noise) -> list[dict[str, Any]]:
    """Labels to which another class is more probable, the most suspect first: what names the row, the label, the
    likeliest other, the margin between their probabilities."""
    if estimate.proposed is None or estimate.margin is None:
        return []
    names = row_keys(found.frame, product.columns)
    doubtful = np.flatnonzero(estimate.suspect > LIKELY_WRONG)
    order = sorted(doubtful.tolist(), key=lambda row: (-round(float(estimate.suspect[row]), 6), names[row]))
    given = found.targets.encode(found.frame[product.columns.target].to_numpy())
    return [
        {
            "id": names[row],
            "given": found.targets.classes[int(given[row])],
            "proposed": found.targets.classes[int(estimate.proposed[row])],
            "margin": json_number(float(estimate.margin[row]), 6),
        }
        for row in order[:MOST_SUSPECTS]
    ]


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
