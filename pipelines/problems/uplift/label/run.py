"""The label stage of uplift: which customers have an arm and an outcome, and whether the outcome came after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError, DataError
from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common.identity import column_keys
from pipelines.problems.common.splits import moments
from pipelines.problems.uplift.core.arms import Arms, require_named, require_rows
from pipelines.problems.uplift.core.prepared import outcome_of
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's stage is given it
    """Write ``rows.parquet`` and ``report.json``.

    Blocked where an outcome was read before its customer was treated: it cannot be the treatment's.

    Raises:
        ConfigError: the treatment or the control is not named, or the outcome is not binary.
        DataError: a column is missing, no control arm, an arm of too few rows, one outcome only.
    """
    product, columns = step.product, step.product.columns
    frame = read_parquet(step.input("validate") / "rows.parquet")
    rows_in = len(frame)
    _require_columns(frame, product)
    labelled = _present(frame, columns.target)
    treated = _present(frame, columns.treatment)
    frame = frame[labelled & treated].reset_index(drop=True)
    if not len(frame):
        raise DataError(
            "no row has an arm and an outcome", where={"rows": rows_in}, next_step="bring rows whose outcome is known"
        )
    arms = Arms.learn(columns, frame[columns.treatment].to_numpy())
    arm = arms.encode(frame[columns.treatment].to_numpy())
    require_rows(arm, arms, product.prepare.min_arm_rows, "")
    y = outcome_of(frame, columns)
    early = _early(frame, product)
    write_parquet(step.out / "rows.parquet", frame)
    report = {
        "rows_in": rows_in,
        "without_outcome": int((~labelled).sum()),
        "without_arm": int((labelled & ~treated).sum()),
        "outcome_before_treatment": int(early.sum()),
        "rows": len(frame),
        "arms": {
            str(name): {"rows": int((arm == place).sum()), "outcomes": json_number(float(y[arm == place].mean()), 6)}
            for place, name in enumerate(arms.names)
        },
    }
    write_json(step.out / "report.json", report)
    count = int(early.sum())
    check = Check(
        name="outcome_after_treatment",
        ok=count == 0,
        value=float(count),
        limit=0.0,
        unit="rows",
        detail=f"{count} outcomes were read before the customer was treated ({columns.outcome_at} before "
        f"{columns.treated_at})" if count else "no outcome lies before its treatment",
    )  # fmt: skip
    return from_checks("label", step.name, [check], "mend columns.treated_at and columns.outcome_at, or those rows")


def _require_columns(frame: pd.DataFrame, product: Product) -> None:
    columns = product.columns
    require_named(columns)
    if columns.task != "binary":
        raise ConfigError(
            f"the outcome of uplift is binary, not {columns.task}",
            where={"key": "columns.task"},
            next_step="name a column that says whether the customer responded",
        )
    for key in ("target", "treatment", "treated_at", "outcome_at"):
        name = getattr(columns, key)
        if name is not None and name not in frame:
            raise DataError(
                f"the column {name!r} is missing",
                where={"key": f"columns.{key}", "columns": ", ".join(map(str, frame.columns[:10]))},
                next_step="mend that key in params.yaml, or the source",
            )


def _present(frame: pd.DataFrame, name: str | None) -> NDArray[np.bool_]:
    if name is None:
        return np.ones(len(frame), dtype=bool)
    return np.array([key is not None for key in column_keys(frame[name].to_numpy())], dtype=bool)


def _early(frame: pd.DataFrame, product: Product) -> NDArray[np.bool_]:
    """Rows whose outcome lies before their treatment; one without a time says nothing."""
    before, after = product.columns.treated_at, product.columns.outcome_at
    if before is None or after is None:
        return np.zeros(len(frame), dtype=bool)
    with np.errstate(invalid="ignore"):
        early: Any = moments(frame[after]) < moments(frame[before])
    return np.asarray(early, dtype=bool)
