"""What is watched of an uplift product: its raw columns, the expected uplift per arm, and the offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
