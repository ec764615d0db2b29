"""Evidently's HTML report of a window: the same method and limit per column as the verdict, on a bounded sample."""

from __future__ import annotations

import importlib
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.features.values import category_key
from pipelines.files import write_text
from pipelines.monitoring.reference import Reference, WatchedColumn, numbers_of
from pipelines.monitoring.verdict import Limits

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 5000
"""Rows of each side that Evidently sees: its time and memory grow with the rows, the picture does not change."""


def load_evidently() -> None:
    """Import Evidently, some seconds: worth doing beside something that waits."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("evidently.presets")


def write_report(
    path: Path, reference: Reference, reference_rows: pd.DataFrame, window: pd.DataFrame, limits: Limits
) -> dict[str, float]:
    """Render the report (one self-contained HTML file) and return Evidently's own drift score per column.

    Columns without a present value on either side are left out: Evidently refuses them, the verdict names them.
    """
    load_evidently()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        before, now = (_readable(rows, reference) for rows in (_sample(reference_rows), _sample(window)))
        columns = [c for c in reference.columns if before[c.name].notna().any() and now[c.name].notna().any()]
        names = [column.name for column in columns]
        definition = DataDefinition(
            numerical_columns=[column.name for column in columns if _is_number(column)],
            categorical_columns=[column.name for column in columns if not _is_number(column)],
        )
        preset = DataDriftPreset(
            columns=names,
            per_column_method={column.name: column.method for column in columns},
            per_column_threshold=dict.fromkeys(names, limits.effect),
            drift_share=limits.share,
        )
        run = Report([preset]).run(
            Dataset.from_pandas(now[names], data_definition=definition),
            Dataset.from_pandas(before[names], data_definition=definition),
        )
        write_text(path, run.get_html_str(as_iframe=False))
    return _scores(run.dict())


def _scores(content: dict[str, Any]) -> dict[str, float]:
    scores = {}
    for metric in content["metrics"]:
        config = metric.get("config", {})
        if str(config.get("type", "")).endswith("ValueDrift"):
            scores[str(config["column"])] = float(metric["value"])
    return scores


def _sample(rows: pd.DataFrame) -> pd.DataFrame:
    return rows if len(rows) <= SAMPLE_ROWS else rows.sample(SAMPLE_ROWS, random_state=0)


def _is_number(column: WatchedColumn) -> bool:
    return column.method == "wasserstein"


def _readable(rows: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """The watched columns as plain floats and category names, missing ones as NaN and None."""
    import pandas as pd

    content: dict[str, Any] = {}
    for column in reference.columns:
        if column.name not in rows:
            content[column.name] = [None] * len(rows)
        elif _is_number(column):
            content[column.name] = numbers_of(rows[column.name])
        else:
            content[column.name] = [category_key(value) for value in rows[column.name].tolist()]
    return pd.DataFrame(content)
