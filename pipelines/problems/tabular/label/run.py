"""The label stage of tables: which rows have a label, which contradict each other, how many look wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import DataError
from pipelines.features.tabular import Derive, fit, transform
from pipelines.features.values import as_numbers
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.identity import column_keys, content_codes, content_names, row_keys, unit_hash
from pipelines.problems.common.splits import moments
from pipelines.problems.common.targets import Targets
from pipelines.problems.tabular.label import noise
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

DAY_SECONDS = 86_400.0


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``rows.parquet`` (with ``_suspect``) and ``report.json``.

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
    labelled = _has_label(frame, product)
    frame = frame[labelled & ~young].reset_index(drop=True)
    if not len(frame):
        raise DataError("no row has a label", where={"rows": rows_in}, next_step="bring rows whose outcome is known")
    targets = Targets.learn(columns, frame[columns.target].to_numpy())
    conflict = _conflicts(frame, product)
    if product.label.conflicts == "drop" and conflict.any():
        frame = frame[~conflict].reset_index(drop=True)
        if not len(frame):
            raise DataError(
                f"all {int(conflict.sum())} labelled rows contradict another row with the same features",
                where={"rows": rows_in},
                next_step="bring columns that tell the rows apart, or set label.conflicts to keep",
            )
        targets = Targets.learn(columns, frame[columns.target].to_numpy())
    y = targets.encode(frame[columns.target].to_numpy())
    estimate = _noise(frame, product, targets, y, derive, step)
    frame["_suspect"] = np.round(estimate.suspect, 6)
    write_parquet(step.out / "rows.parquet", frame)
    report = {
        "rows_in": rows_in,
        "without_label": int((~labelled).sum()),
        "younger_than_outcome_window": int((labelled & young).sum()),
        "conflicting": int(conflict.sum()),
        "conflicts_dropped": int(conflict.sum()) if product.label.conflicts == "drop" else 0,
        "rows": len(frame),
        "noise": estimate.to_json([str(value) for value in targets.classes]),
        "method": estimate.method,
    }
    write_json(step.out / "report.json", report)
    check = Check(
        name="label_noise",
        ok=estimate.share <= product.label.max_noise,
        value=json_number(estimate.share),
        limit=product.label.max_noise,
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


def _conflicts(frame: pd.DataFrame, product: Product) -> NDArray[np.bool_]:
    """Rows equal in everything but id and target to a row with another label (not for regression)."""
    if product.columns.task == "regression":
        return np.zeros(len(frame), dtype=bool)
    names = content_names(frame, product.columns)
    if not names:
        return np.zeros(len(frame), dtype=bool)
    group = content_codes(frame, names)
    both = content_codes(frame, [*names, product.columns.target])
    labels_per_group = np.bincount(np.unique(np.stack([group, both]), axis=1)[0], minlength=int(group.max()) + 1)
    return np.asarray(labels_per_group[group] > 1, dtype=bool)


def _noise(
    frame: pd.DataFrame, product: Product, targets: Targets, y: NDArray[Any], derive: Derive | None, step: Step
) -> noise.Noise:
    columns = product.columns
    usable = set(product.feature_columns)
    raw = frame_columns(frame, product.feature_columns)
    state = fit(
        raw,
        [name for name in columns.numeric if name in usable],
        [name for name in columns.categorical if name in usable],
        derive=derive,
        module=columns.features,
        max_categories=product.prepare.max_categories,
    )
    place = unit_hash(row_keys(frame, columns), f"{product.prepare.split.salt}/noise")
    fold = np.floor(place * product.label.noise_folds).astype(np.int64)
    return noise.estimate(
        transform(state, raw, derive), y, fold, targets.task, len(targets.classes), step.params.profile, step.progress
    )
