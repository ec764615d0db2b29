"""How many labels look wrong: confident learning on out-of-fold answers of a small LightGBM.

Northcutt, Jiang, Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70, 1373-1411.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Profile
from pipelines.errors import DataError
from pipelines.features.design import Design
from pipelines.files import json_number
from pipelines.models.base import FloatArray, Task
from pipelines.step import Progress

ROUNDS = 60
LEARNER = {
    "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20, "feature_fraction": 0.7, "lambda_l2": 5.0,
    "max_bin": 127, "seed": 0, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip
OUTLIER = 4.0  # robust standard deviations; a normal residual is beyond it once in 16,000


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
    """

    share: float
    suspect: FloatArray
    flagged: NDArray[np.bool_]
    joint: FloatArray | None
    y: NDArray[np.int64] | None
    method: str

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain JSON values."""
        content: dict[str, Any] = {"share": json_number(self.share), "suspects": int(self.flagged.sum())}
        if self.joint is not None and self.y is not None:
            content["joint"] = [[json_number(value) for value in row] for row in self.joint.tolist()]
            counts = np.bincount(self.y[self.flagged], minlength=len(classes)).tolist()
            content["suspects_per_class"] = dict(zip(classes, counts, strict=True))
        return content


def estimate(
    design: Design, y: NDArray[Any], fold: NDArray[np.int64], task: Task, classes: int, profile: Profile,
    progress: Progress,
) -> Noise:  # fmt: skip
    """Estimate label noise.

    Args:
        design: features of all ``n`` rows.
        y: class indices (int64) or values (float64), ``[n]``.
        fold: the fold of each row, ``[n]``; each row is judged by a model that saw the other folds only.
        task: binary, multiclass or regression.
        classes: number of classes, 0 for regression.
        profile: threads.
        progress: called per fold.

    Raises:
        DataError: a fold leaves no row to learn from.
    """
    answers = out_of_fold(design, y, fold, task, classes, profile, progress)
    if task == "regression":
        return _residual_noise(answers[:, 0], y)
    return confident_learning(answers, y)


def out_of_fold(
    design: Design, y: NDArray[Any], fold: NDArray[np.int64], task: Task, classes: int, profile: Profile,
    progress: Progress,
) -> FloatArray:  # fmt: skip
    """Probabilities ``[n, k]`` (regression: values ``[n, 1]``) by models that did not see the row."""
    import lightgbm as lgb

    from pipelines.models.lightgbm import OBJECTIVE, matrix

    x = matrix(design)
    width = design.numeric.shape[1]
    params: dict[str, Any] = {**LEARNER, "objective": OBJECTIVE[task], "num_threads": profile.threads}
    if task == "multiclass":
        params["num_class"] = classes
    answers = np.zeros((len(y), max(classes, 1)))
    folds = np.unique(fold)
    whole = lgb.Dataset(x, y, params=params, categorical_feature=list(range(width, x.shape[1])), free_raw_data=False)
    whole.construct()
    for done, part in enumerate(folds):
        held = np.flatnonzero(fold == part)
        seen = np.flatnonzero(fold != part)
        if not len(seen) or (task != "regression" and len(np.unique(y[seen])) < classes):
            raise DataError(
                "too few labels to judge them: a fold leaves a class without a row",
                where={"rows": len(y), "folds": len(folds)},
                next_step="bring more rows of each class, or merge rare classes",
            )
        booster = lgb.train(params, whole.subset(seen), ROUNDS)
        raw = np.asarray(booster.predict(x[held]), dtype=np.float64)
        answers[held] = np.stack([1.0 - raw, raw], axis=1) if task == "binary" else raw.reshape(len(held), -1)
        progress("label noise", done + 1, len(folds))
    return answers


def confident_learning(probabilities: FloatArray, y: NDArray[np.int64]) -> Noise:
    """The confident joint and what follows from it.

    The threshold of class j is the mean probability of j over rows labelled j. A row labelled i counts as likely j
    when j is the most probable class among those at or above their threshold. The counts are scaled to the class
    sizes; the share off the diagonal is the estimate. ``suspect`` is ``(1 + p_best_other - p_own) / 2``.

    Args:
        probabilities: out of fold, ``[n, k]``.
        y: given class indices, ``[n]``.
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
    suspect = (1.0 + others.max(axis=1) - own) / 2.0
    return Noise(
        share=float(max(0.0, 1.0 - np.trace(joint))),
        suspect=suspect,
        flagged=confident & (likely != y),
        joint=joint,
        y=y,
        method="confident learning (Northcutt et al. 2021) on out-of-fold LightGBM probabilities",
    )


def _residual_noise(answers: FloatArray, y: FloatArray) -> Noise:
    from scipy.special import erf

    residual = np.abs(y - answers - np.median(y - answers))
    spread = 1.4826 * float(np.median(residual)) or float(residual.mean()) or 1.0
    deviation = residual / spread
    return Noise(
        share=float((deviation > OUTLIER).mean()),
        suspect=np.asarray(erf(deviation / OUTLIER), dtype=np.float64),
        flagged=deviation > OUTLIER,
        joint=None,
        y=None,
        method=f"out-of-fold residuals of LightGBM beyond {OUTLIER:g} robust standard deviations (1.4826 MAD)",
    )
