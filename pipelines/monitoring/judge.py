"""One window against its reference: effect first, then significance, over all columns at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.operations import Watch
from pipelines.files import json_number
from pipelines.metrics import drift
from pipelines.metrics.sketches import CategorySketch, NumericSketch
from pipelines.monitoring.reference import Reference, WatchedColumn, category_counts, ordered_numbers
from pipelines.monitoring.verdict import CategoryShare, ColumnDrift, DriftStatus, DriftVerdict, Limits, Sign

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROWS = 50
SHOWN_CATEGORIES = 5


def limits_of(watch: Watch) -> Limits:
    """The limits that ``params.yaml`` sets for a product."""
    return Limits(
        effect=watch.drift_limit,
        share=watch.drift_share,
        missing=watch.missing_limit,
        unseen=watch.unseen_limit,
        significance=watch.significance,
    )


def judge(reference: Reference, window: pd.DataFrame, limits: Limits, threads: int = 2) -> DriftVerdict:
    """Judge a window of raw rows with their answers.

    A column that the window lacks counts as missing in every row. Sorting frees the interpreter's lock, so
    columns are judged side by side.
    """
    if len(window) < LEAST_ROWS:
        return _verdict(reference, len(window), limits, "unjudged", ())
    with ThreadPoolExecutor(max_workers=threads) as pool:
        measured = list(pool.map(lambda column: _measure(column, window), reference.columns))
    columns = tuple(_decide(measured, limits))
    return _verdict(reference, len(window), limits, _status(columns, limits), columns)


def _verdict(
    reference: Reference, rows: int, limits: Limits, status: DriftStatus, columns: tuple[ColumnDrift, ...]
) -> DriftVerdict:
    return DriftVerdict(
        product=reference.product,
        version=reference.version,
        status=status,
        window_rows=rows,
        reference_rows=reference.rows,
        limits=limits,
        columns=columns,
    )


def _measure(column: WatchedColumn, window: pd.DataFrame) -> ColumnDrift:
    if column.name not in window:
        return _common(column, len(window), len(window))
    if isinstance(column.sketch, NumericSketch):
        return _measure_numbers(column, column.sketch, ordered_numbers(window[column.name]), len(window))
    counts, missing = category_counts(window[column.name])
    return _measure_categories(column, column.sketch, counts, missing)


def _measure_numbers(
    column: WatchedColumn, sketch: NumericSketch, present: NDArray[np.float64], rows: int
) -> ColumnDrift:
    common = _common(column, rows, rows - present.size)
    if not present.size or not sketch.present:
        return common
    middle = int(np.searchsorted(np.cumsum(sketch.counts), sketch.present / 2))
    return common.model_copy(
        update={
            "effect": json_number(drift.wasserstein(sketch, present)),
            "p_value": json_number(drift.numeric_p_value(sketch, present)),
            "psi": json_number(drift.population_stability(*drift.equal_mass_cells(sketch, present))),
            "reference_mean": json_number(float(np.average(sketch.means, weights=sketch.counts))),
            "window_mean": json_number(float(present.mean())),
            "reference_median": json_number(float(sketch.means[middle])),
            "window_median": json_number(float(present[present.size // 2])),
        }
    )


def _measure_categories(
    column: WatchedColumn, sketch: CategorySketch, counts: dict[str, int], missing: int
) -> ColumnDrift:
    present = sum(counts.values())
    common = _common(column, present + missing, missing)
    if not present or not sketch.present:
        return common
    known, found, unseen = drift.align(sketch, counts)
    strangers = sorted((name for name in counts if name not in sketch.counts), key=lambda name: -counts[name])
    names = [*sketch.counts, *strangers] if not sketch.tail else list(sketch.counts)
    shares = [
        CategoryShare(
            name=name,
            reference=round(sketch.counts.get(name, 0) / sketch.present, 6),
            window=round(counts.get(name, 0) / present, 6),
        )
        for name in names
    ]
    shares.sort(key=lambda share: (-abs(share.window - share.reference), share.name))
    return common.model_copy(
        update={
            "effect": json_number(drift.jensen_shannon(known, found)),
            "p_value": json_number(drift.homogeneity_p_value(known, found)),
            "psi": json_number(drift.population_stability(known, found)),
            "unseen": json_number(unseen / (present + missing)),
            "unseen_p_value": json_number(drift.unseen_p_value(sketch, unseen, present)),
            "unseen_names": tuple(strangers[:SHOWN_CATEGORIES]) if unseen else (),
            "categories": tuple(shares[:SHOWN_CATEGORIES]),
        }
    )


def _common(column: WatchedColumn, rows: int, missing: int) -> ColumnDrift:
    sketch = column.sketch
    before = np.array([sketch.missing, sketch.present])
    now = np.array([missing, rows - missing])
    return ColumnDrift(
        name=column.name,
        role=column.role,
        method=column.method,
        effect=None,
        p_value=None,
        psi=None,
        missing_reference=sketch.missing / sketch.rows if sketch.rows else 0.0,
        missing_window=missing / rows if rows else 0.0,
        missing_p_value=drift.homogeneity_p_value(before, now),
    )


def _decide(measured: list[ColumnDrift], limits: Limits) -> list[ColumnDrift]:
    """Adjust all p-values together, then name the signs of each column."""
    raw = [(c.p_value if c.p_value is not None else 1.0, c.missing_p_value, c.unseen_p_value) for c in measured]
    tested = [(c.p_value is not None, True, c.method == "jensenshannon") for c in measured]
    p_values, chosen = np.array(raw).reshape(-1), np.array(tested).reshape(-1)
    adjusted = np.ones_like(p_values)
    adjusted[chosen] = drift.benjamini_hochberg(p_values[chosen])
    decided = []
    for column, (shape, missing, unseen) in zip(measured, adjusted.reshape(-1, 3), strict=True):
        signs: list[Sign] = []
        if column.effect is not None and column.effect >= limits.effect and shape <= limits.significance:
            signs.append("distribution")
        change = abs(column.missing_window - column.missing_reference)
        if change >= limits.missing and missing <= limits.significance:
            signs.append("missing")
        if column.unseen >= limits.unseen and unseen <= limits.significance:
            signs.append("unseen")
        update = {
            "p_value": None if column.p_value is None else json_number(shape),
            "missing_p_value": json_number(missing),
            "unseen_p_value": json_number(unseen),
            "missing_reference": json_number(column.missing_reference),
            "missing_window": json_number(column.missing_window),
            "signs": tuple(signs),
        }
        decided.append(column.model_copy(update=update))
    return decided


def _status(columns: tuple[ColumnDrift, ...], limits: Limits) -> DriftStatus:
    inputs = [column for column in columns if column.role != "prediction"]
    share = sum(column.drifted for column in inputs) / len(inputs) if inputs else 0.0
    predictions = any(column.drifted for column in columns if column.role == "prediction")
    if predictions or share >= limits.share or any(column.rise >= limits.broken for column in inputs):
        return "alarm"
    return "moved" if any(column.drifted for column in columns) else "steady"
