"""What is watched of an uplift product: its raw columns, the expected uplift per arm, and the offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.features.values import category_key
from pipelines.metrics.uplift import UpliftJudge
from pipelines.problems.common.targets import Targets
from pipelines.problems.uplift.core.arms import Arms

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product


def answered(schema: Mapping[str, Any], answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Answers as columns: ``score_1`` ... the uplift of each offer, float64 ``[n]``, NaN where there is no answer, and
    ``decision``, the number of the recommended arm, None where there is none."""
    columns: dict[str, Any] = {}
    for number, name in enumerate(schema["classes"][1:], start=1):
        found = [np.nan if answer is None else answer["score"][str(name)] for answer in answers]
        columns[f"score_{number}"] = np.array(found, dtype=np.float64)
    place = {name: number for number, name in enumerate(schema["classes"])}
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
    found.update({name: "prediction" for name in columns if name == "decision" or name.startswith("score_")})
    return found


LEAST_ARM = 30
"""Rows of every arm without which nothing is measured: a difference of a few rows is noise."""


def measured(
    product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, outcomes: Sequence[Any]
) -> UpliftJudge | None:
    """The key metric of answered rows whose arm was drawn by chance and whose outcome is known.

    A row says so by bringing its arm (``columns.treatment``, one of the fields that a request may hold besides the
    features). An arm that followed the recommendation proves nothing, and such rows must come without it.

    Args:
        product: names the key metric, the treatment, value and costs.
        schema: the bundle's ``schema.json``: arms, and the values that an outcome may have.
        frame: the rows, with the columns of :func:`answered`.
        outcomes: target values in their order.

    Returns:
        None where an arm, the control among them, has fewer than :data:`LEAST_ARM` such rows.
    """
    column, arms = str(product.columns.treatment), Arms.from_schema(schema)
    if column not in frame or "outcomes" not in schema:
        return None
    known = {category_key(name) for name in arms.names}
    drawn = np.array([category_key(value) in known for value in frame[column].tolist()], dtype=bool)
    if not drawn.any():
        return None
    arm = arms.encode(frame[column].to_numpy(dtype=object)[drawn])
    if np.bincount(arm, minlength=len(arms.names)).min() < LEAST_ARM:
        return None
    values = np.asarray(outcomes, dtype=object)[drawn]
    y = Targets("binary", tuple(schema["outcomes"])).encode(values)
    names = [f"score_{place}" for place in range(1, len(arms.names))]
    uplift = frame[names].to_numpy(dtype=np.float64)[drawn]
    return UpliftJudge(y, arm, uplift, arms.stakes(product.evaluate.campaign), [product.evaluate.metric])
