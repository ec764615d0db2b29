"""How many labels look wrong: confident learning on out-of-fold answers of a small LightGBM.

Northcutt, Jiang, Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70, 1373-1411.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Profile
from pipelines.errors import DataError
from pipelines.features.design import Design
from pipelines.models.base import FloatArray, Task
from pipelines.problems.common.noise import Noise, confident_learning
from pipelines.step import Progress

ROUNDS = 60
LEARNER = {
    "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20, "feature_fraction": 0.7, "lambda_l2": 5.0,
    "max_bin": 127, "seed": 0, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip
OUTLIER = 4.0  # robust standard deviations; a normal residual is beyond it once in 16,000


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
