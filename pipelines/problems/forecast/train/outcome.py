"""What a fitted candidate gives back to the train stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.problems.forecast.core.lags import Array


@dataclass(frozen=True)
class Outcome:
    """A fitted candidate.

    Attributes:
        valid: point forecasts of the valid rows, from what was known before them; NaN for a series without a history.
        test: likewise of the test rows.
        record: content of ``model.json`` that is special about the family.
        files: names of the model's files, as written.
        how: a sentence.
    """

    valid: Array
    test: Array
    record: dict[str, Any]
    files: list[str]
    how: str
