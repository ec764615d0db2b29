"""Several labels per text: what is decided, and how sure the whole set of labels is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def decided(score: FloatArray, thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """Which labels a text gets, ``[n, k]``, from probabilities ``[n, k]`` and one threshold per label."""
    return np.asarray(score >= np.asarray(thresholds, dtype=np.float64), dtype=bool)


def stacked(score: FloatArray, thresholds: Sequence[float]) -> FloatArray:
    """Probability and decision of each label ``[n, k, 2]``, as the judge of several labels reads them."""
    return np.stack([score, decided(score, thresholds).astype(np.float64)], axis=-1)


def set_confidence(score: FloatArray, given: NDArray[np.bool_]) -> FloatArray:
    """Probability that all labels of a text are decided rightly ``[n]``, were they independent of each other."""
    return np.asarray(np.exp(np.log(np.clip(np.where(given, score, 1.0 - score), 1e-12, 1.0)).sum(axis=1)))


def names_of(classes: Sequence[Any], row: NDArray[Any]) -> list[Any]:
    """The labels that a row of 0 and 1 ``[k]`` holds, in order."""
    return [classes[place] for place in np.flatnonzero(row).tolist()]
