"""What is watched of a forecast, so that the calendar is no alarm.

A promotion or a holiday moves demand, and is known in advance: the flags and categories of the calendar are not judged,
and a forecast is judged against what is usual for that series on that weekday in that promotion state (``usual`` of the
answer). What is judged: that ratio, as a prediction, and the numbers that are known in advance (a price), as inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.files import read_json
from pipelines.metrics.forecast import ForecastJudge

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product

RATIO = "score_to_usual"
LEAST = 1.0  # demand that is added to both, so that slow series do not swing the ratio


def answered(schema: Mapping[str, Any], answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:  # noqa: ARG001
    """Answers as columns ``score`` and ``usual``, float64 ``[n]``, NaN where there is no answer."""

    def column(name: str) -> Any:
        found = [None if answer is None else answer.get(name) for answer in answers]
        return np.array([np.nan if value is None else value for value in found], dtype=np.float64)

    return {"score": column("score"), "usual": column("usual")}


def watched(product: Product, bundle: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Log ratio of the forecast to what is usual, and the numbers known in advance.

    Args:
        product: names the columns.
        bundle: holds the schema, which says which numbers are flags.
        frame: raw rows with the columns of :func:`answered`.
    """
    import pandas as pd

    fields = {item["name"]: item for item in read_json(bundle / "schema.json")["fields"]}
    columns: dict[str, Any] = {}
    for name in product.columns.known:
        field = fields.get(name)
        if field is not None and field["type"] in ("number", "integer") and "allowed" not in field and name in frame:
            columns[name] = frame[name].to_numpy()
    score, usual = (frame[name].to_numpy(dtype=np.float64) for name in ("score", "usual"))
    columns[RATIO] = np.log((score + LEAST) / (usual + LEAST))
    columns["score"] = score
    return pd.DataFrame(columns, index=frame.index)


def roles(product: Product, columns: Sequence[str]) -> dict[str, str]:
    """``{column: role}`` of the columns that are judged; the bare forecast is kept, not judged."""
    return {
        name: "prediction" if name == RATIO else "feature"
        for name in columns
        if name == RATIO or name in product.columns.known
    }


def measured(
    product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, outcomes: Sequence[Any]
) -> ForecastJudge:
    """The key metric of answered rows whose demand is known, a row at a time; MASE needs a history and is NaN here.

    Args:
        product: names the key metric.
        schema: the bundle's ``schema.json``.
        frame: the rows, with the columns of :func:`answered`.
        outcomes: demand in their order.
    """
    del schema
    y = np.asarray(outcomes, dtype=np.float64)
    score = frame["score"].to_numpy(dtype=np.float64)
    series = np.arange(len(y), dtype=np.int64)
    return ForecastJudge(series, y, score, np.full(len(y), np.nan), names=[product.evaluate.metric])
