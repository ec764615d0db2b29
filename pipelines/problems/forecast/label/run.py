"""The label stage of a forecast: which rows say what was demanded, and how whole the series are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError, DataError
from pipelines.features.tabular import Derive
from pipelines.features.values import as_numbers
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - the signature of every stage
    """Write ``rows.parquet`` (with ``_suspect``, 0: no label noise is estimated) and ``report.json``.

    Left out: rows without a target, of a closed day (nobody could buy: that is no demand) and of a day on which stock
    ran out (demand was at least what was sold). Blocked when the series have more gaps than ``label.max_gaps``.

    Raises:
        ConfigError: the block names a column that the rows do not have.
        DataError: no row is left, or a time cannot be read.
    """
    product, settings = step.product, step.product.label
    frame = read_parquet(step.input("validate") / "rows.parquet")
    for key, name in (("label.open", settings.open), ("label.censored", settings.censored)):
        if name is not None and name not in frame:
            raise ConfigError(
                f"{key} names the column {name!r}, which the rows do not have",
                where={"key": key},
                next_step="mend the name in params.yaml",
            )
    gaps = _gaps(frame, product)
    missing = np.isnan(as_numbers(frame[product.columns.target].to_numpy()))
    closed = _equals(frame, settings.open, 0) & ~missing
    short = _equals(frame, settings.censored, 1) & ~missing & ~closed
    keep = ~(missing | closed | short)
    if not keep.any():
        raise DataError(
            "no row says what was demanded",
            where={"column": product.columns.target, "rows": len(frame)},
            next_step="look at label.open and label.censored of params.yaml, and at the target column",
        )
    kept = frame[keep].reset_index(drop=True)
    kept["_suspect"] = np.zeros(len(kept))
    write_parquet(step.out / "rows.parquet", kept)
    report = {
        "rows": len(frame),
        "without_label": int(missing.sum()),
        "closed": int(closed.sum()),
        "censored": int(short.sum()),
        "kept": int(keep.sum()),
        "series": int(kept[product.columns.series].nunique()),
        "zero_share": json_number(float((kept[product.columns.target] == 0).mean()), 6),
        "gaps": gaps,
    }
    write_json(step.out / "report.json", report)
    checks = [
        Check(
            name="gaps",
            ok=gaps["share"] <= settings.max_gaps,
            value=gaps["share"],
            limit=settings.max_gaps,
            unit="share of steps without a row",
            detail=f"{gaps['share']:.2%} of the steps between a series' first and last row have none"
            f" (most: {gaps['worst_series']}, {gaps['worst_share']:.2%})",
        ),
        Check(
            name="demand",
            ok=True,
            value=int(keep.sum()),
            unit="rows",
            detail=f"left out: {int(missing.sum())} without a target, {int(closed.sum())} closed,"
            f" {int(short.sum())} out of stock",
        ),
    ]
    advice = "bring the missing rows, split series that were interrupted, or raise label.max_gaps on purpose"
    return from_checks("label", step.name, checks, advice)


def _equals(frame: pd.DataFrame, column: str | None, value: float) -> NDArray[np.bool_]:
    if column is None:
        return np.zeros(len(frame), dtype=bool)
    return np.asarray(as_numbers(frame[column].to_numpy()) == value, dtype=bool)


def _gaps(frame: pd.DataFrame, product: Product) -> dict[str, Any]:
    """How many steps between the first and the last row of a series have no row at all."""
    import pandas as pd

    from pipelines.problems.forecast.core.rhythm import to_steps
    from pipelines.problems.forecast.core.spec import Spec

    spec = Spec.of(product)
    try:
        steps = to_steps(frame[spec.time].to_numpy(), spec.frequency)
    except ValueError as error:
        raise DataError(
            str(error.args[0]),
            where={"column": spec.time, "row": error.args[1] if len(error.args) > 1 else None},
            next_step="refuse such rows in the suite; times are dates or ISO 8601 text",
        ) from error
    table = pd.DataFrame({"series": frame[spec.series].astype(str).to_numpy(), "step": steps})
    span = table.groupby("series")["step"].agg(["min", "max", "nunique"])
    whole = span["max"] - span["min"] + 1
    lacking = whole - span["nunique"]
    share = lacking / whole
    worst = str(share.idxmax())
    return {
        "share": json_number(float(lacking.sum() / whole.sum()), 6),
        "worst_series": worst,
        "worst_share": json_number(float(share[worst]), 6),
        "series_with_gaps": int((lacking > 0).sum()),
    }
