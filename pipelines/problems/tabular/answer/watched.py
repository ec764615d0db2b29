"""What is watched of a table: its raw columns and the answers, as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.metrics.judges import Judge, judge
from pipelines.problems.common.targets import Targets

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product

ANSWERS = ("score", "decision")


def answered(schema: Mapping[str, Any], answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Answers as columns: ``score`` (or ``score_0`` ... per class) float64 ``[n]``, NaN where there is no answer, and
    ``decision``, the position of the class, None where there is no answer, for products that decide."""
    first = next((answer for answer in answers if answer is not None), None)
    if first is None:
        return {"score": np.full(len(answers), np.nan)}
    columns: dict[str, Any] = {}
    if isinstance(first["score"], Mapping):
        for number, label in enumerate(schema["classes"]):
            found = [np.nan if answer is None else answer["score"][str(label)] for answer in answers]
            columns[f"score_{number}"] = np.array(found, dtype=np.float64)
    else:
        found = [np.nan if answer is None else answer["score"] for answer in answers]
        columns["score"] = np.array(found, dtype=np.float64)
    if first.get("decision") is not None:
        place = {label: number for number, label in enumerate(schema["classes"])}
        columns["decision"] = [None if answer is None else place.get(answer.get("decision")) for answer in answers]
    return columns


def watched(product: Product, bundle: Path, frame: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001 - every problem's
    """The frame itself."""
    return frame


def roles(product: Product, columns: Sequence[str]) -> dict[str, str]:
    """``{column: role}`` of the columns to watch: inputs (``feature``, ``protected``), then ``prediction``."""
    protected = set(product.requirements.protected) - set(product.feature_columns)
    inputs = dict.fromkeys((*product.columns.numeric, *product.columns.categorical, *product.requirements.protected))
    found = {name: "protected" if name in protected else "feature" for name in inputs if name in columns}
    found.update({name: "prediction" for name in columns if name in ANSWERS or name.startswith("score_")})
    return found


def measured(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, outcomes: Sequence[Any]) -> Judge:
    """The key metric of answered rows whose outcomes are known.

    Args:
        product: names the key metric.
        schema: the bundle's ``schema.json``: task and classes.
        frame: the rows, with the columns of :func:`answered`.
        outcomes: target values in their order, each one that the schema knows.
    """
    targets = Targets.from_schema(schema)
    y = targets.encode(np.asarray(outcomes))
    if targets.task == "multiclass":
        scores = frame[[f"score_{place}" for place in range(len(targets.classes))]].to_numpy(dtype=np.float64)
    else:
        scores = frame["score"].to_numpy(dtype=np.float64)
    return judge(targets.task, y, scores, [product.evaluate.metric])
