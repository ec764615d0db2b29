"""How many labels look wrong: confident learning on out-of-fold probabilities of any learner.

Northcutt, Jiang, Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70, 1373-1411.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import json_number

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """The estimate.

    Attributes:
        share: estimated share of wrong labels.
        suspect: how surely each label looks wrong, 0 to 1, ``[n]``.
        flagged: rows counted as wrong, bool ``[n]``.
        joint: share of rows with given label i and likely label j, ``[k, k]``; None for regression.
        y: class indices, for the counts per class; None for regression.
        method: one sentence.
        proposed: the likeliest other class per row, ``[n]``; None where there is none (regression, several labels).
        margin: its probability less that of the given class, -1 to 1, ``[n]``; None likewise.
    """

    share: float
    suspect: FloatArray
    flagged: NDArray[np.bool_]
    joint: FloatArray | None
    y: NDArray[np.int64] | None
    method: str
    proposed: NDArray[np.int64] | None = None
    margin: FloatArray | None = None

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain JSON values."""
        content: dict[str, Any] = {"share": json_number(self.share), "suspects": int(self.flagged.sum())}
        if self.joint is not None and self.y is not None:
            content["joint"] = [[json_number(value) for value in row] for row in self.joint.tolist()]
            counts = np.bincount(self.y[self.flagged], minlength=len(classes)).tolist()
            content["suspects_per_class"] = dict(zip(classes, counts, strict=True))
        return content


def confident_learning(probabilities: FloatArray, y: NDArray[np.int64], learner: str = "LightGBM") -> Noise:
    """The confident joint and what follows from it.

    The threshold of class j is the mean probability of j over rows labelled j. A row labelled i counts as likely j
    when j is the most probable class among those at or above their threshold. The counts are scaled to the class
    sizes; the share off the diagonal is the estimate.
    ``suspect`` is ``p_best_other / (p_best_other + p_own)``: above a half, another class is more probable.

    Args:
        probabilities: out of fold, ``[n, k]``.
        y: given class indices, ``[n]``.
        learner: whose probabilities they are, for the report.
    """
    count, width = probabilities.shape
    size = np.bincount(y, minlength=width)
    own = probabilities[np.arange(count), y]
    total = np.bincount(y, weights=own, minlength=width)
    threshold = np.where(size > 0, total / np.maximum(size, 1), np.inf)
    above = np.where(probabilities >= threshold, probabilities, -1.0)
    likely = above.argmax(axis=1)
    confident = above.max(axis=1) >= 0.0
    joint = np.zeros((width, width))
    np.add.at(joint, (y[confident], likely[confident]), 1.0)
    empty = joint.sum(axis=1) == 0
    joint[empty, np.flatnonzero(empty)] = 1.0
    joint = joint / joint.sum(axis=1, keepdims=True) * (size / count)[:, None]
    others = probabilities.copy()
    others[np.arange(count), y] = -1.0
    best = others.max(axis=1)
    return Noise(
        share=float(max(0.0, 1.0 - np.trace(joint))),
        suspect=best / np.maximum(best + own, 1e-300),
        flagged=confident & (likely != y),
        joint=joint,
        y=y,
        method=f"confident learning (Northcutt et al. 2021) on out-of-fold {learner} probabilities",
        proposed=others.argmax(axis=1),
        margin=best - own,
    )
