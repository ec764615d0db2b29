"""Several models' answers as one; offline and in the service the same lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics.calibration import EDGE, logit, sigmoid, softmax

FloatArray = NDArray[np.float64]
Blend = Literal["logit", "odds", "mean"]


def blend(scores: Sequence[FloatArray], weights: Sequence[float], how: Blend) -> FloatArray:
    """The weighted answer of the members, of the members' shape; a single member is passed on untouched.

    Args:
        scores: each member's P(positive) ``[n]``, probabilities ``[n, k]``, or values ``[n]``.
        weights: one per member, summing to 1.
        how: ``logit`` averages log-odds (several classes: log-probabilities, then made to sum to 1), ``mean`` the
            numbers themselves, ``odds`` log-odds of every number by itself (several labels per row).
    """
    if len(scores) == 1:
        return scores[0]
    if how == "mean":
        return _average(scores, weights)
    if scores[0].ndim == 2 and how == "logit":
        return softmax(_average([np.log(np.clip(score, EDGE, 1.0)) for score in scores], weights))
    return sigmoid(_average([logit(score) for score in scores], weights))


def _average(scores: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    total = scores[0] * weights[0]
    for score, weight in zip(scores[1:], weights[1:], strict=True):
        total = total + score * weight
    return np.asarray(total, dtype=np.float64)
