"""What a fitted candidate gives back to the train stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.problems.forecast.core.lags import Array, Scale

AIMS = {"rmspe": -1.5, "rmse": 0.5}  # of the variance of the log's errors; see shift


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


def shift(scale: Scale, metric: str, errors: Array) -> float:
    """What is added to a forecast of the mean log, so that it is least wrong by the key metric.

    With normal errors of variance ``s`` around the mean log ``m``, the mean squared relative error is least at
    ``E[1/y] / E[1/y^2] = exp(m - 1.5 s)``, the squared error at the mean ``exp(m + 0.5 s)``, absolute ones at
    ``exp(m)``.

    Args:
        scale: 0 for other scales than ``log``.
        metric: the product's key metric.
        errors: of the mean log on the valid steps ``[n]``; their own mean is no part of it, it may be of that stretch.
    """
    return AIMS.get(metric, 0.0) * float(np.var(errors)) if scale == "log" and len(errors) else 0.0
