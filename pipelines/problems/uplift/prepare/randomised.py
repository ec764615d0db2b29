"""Was it chance alone that chose the arms? Shares, feature by feature, and all features together.

Standardised mean difference of a feature: difference of its means between an arm and the control over the root of the
mean of both variances; above 0.1 is commonly called unbalanced (Austin 2009, Balance diagnostics for comparing the
distribution of baseline covariates between treatment groups, Statistics in Medicine 28). The classifier two-sample test
asks a model to tell an arm from the control by the features, out of fold: with a randomised arm its ROC AUC is 0.5 but
for noise (Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests, ICLR).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.features.values import as_keys

FloatArray = NDArray[np.float64]

ROUNDS = 40
FOLDS = 2
MAX_ROWS = 20_000  # per arm and control together
LEARNER = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 50, "lambda_l2": 10.0,
    "max_bin": 63, "seed": 0, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """How well a classifier tells an arm from the control: ROC AUC and its standard error where nothing can be told."""

    auc: float
    error: float


def differences(design: Design, arm: NDArray[np.int64], place: int) -> dict[str, float]:
    """Standardised mean difference of each feature between an arm and the control, largest code for a category."""
    treated, control = arm == place, arm == 0
    found: dict[str, float] = {}
    for at, name in enumerate(design.numeric_names):
        values = design.numeric[:, at].astype(np.float64)
        holes = np.isnan(values).astype(np.float64)
        centre = np.nanmean(values) if holes.min() == 0 else 0.0
        parts = [np.where(holes > 0, centre, values), holes]
        found[name] = max((_difference(part, treated, control) for part in parts), key=abs)
    for at, name in enumerate(design.categorical_names):
        codes = design.categorical[:, at]
        parts = [(codes == code).astype(np.float64) for code in range(min(design.cardinalities[at], 50))]
        found[name] = max((_difference(part, treated, control) for part in parts), key=abs)
    return found


def _difference(values: FloatArray, treated: NDArray[np.bool_], control: NDArray[np.bool_]) -> float:
    spread = np.sqrt((values[treated].var() + values[control].var()) / 2.0)
    apart = float(values[treated].mean() - values[control].mean())
    if spread == 0:
        return 0.0 if apart == 0 else float(np.sign(apart)) * 1e6
    return apart / float(spread)


def told_apart(design: Design, arm: NDArray[np.int64], place: int, fold: FloatArray, threads: int) -> Told:
    """The classifier two-sample test of one arm against the control.

    Args:
        design: features ``[n]``.
        arm: what was done ``[n]``.
        place: the arm's number.
        fold: a number in [0, 1) per row that its features do not decide, ``[n]``.
        threads: CPU threads.
    """
    import lightgbm as lgb

    from pipelines.metrics.judges import BinaryJudge
    from pipelines.models.lightgbm import matrix

    rows = np.flatnonzero((arm == 0) | (arm == place))
    rows = rows[:: -(-len(rows) // MAX_ROWS)]
    x, goal = matrix(design.take(rows)), (arm[rows] == place).astype(np.int64)
    part = np.floor(fold[rows] * FOLDS).astype(np.int64)
    width = design.numeric.shape[1]
    answer = np.zeros(len(rows))
    params: dict[str, Any] = {**LEARNER, "num_threads": threads}
    for number in range(FOLDS):
        held = part == number
        data = lgb.Dataset(x[~held], goal[~held], categorical_feature=list(range(width, x.shape[1])), params=params)
        answer[held] = lgb.train(params, data, ROUNDS).predict(x[held])
    # Scores of two models are on two scales: the AUC is the mean of those inside each fold.
    aucs = []
    for number in range(FOLDS):
        held = part == number
        judge = BinaryJudge(goal[held], answer[held], ["roc_auc"])
        aucs.append(float(judge.measure(np.ones((1, judge.n)))["roc_auc"][0]))
    treated, control = int(goal.sum()), int((1 - goal).sum())
    error = np.sqrt((treated + control + 1) / (12.0 * treated * control))
    return Told(float(np.mean(aucs)), float(error))


def tells_the_arm(columns: dict[str, NDArray[Any]], arm: NDArray[np.int64]) -> list[str]:
    """Features that are the treatment under another name: each value goes with one arm, and no arm with all values."""
    found = []
    for name, values in columns.items():
        position, keys = as_keys(values)
        if len(keys) > 50:
            continue
        table = np.zeros((len(keys), int(arm.max()) + 1))
        np.add.at(table, (position, arm), 1)
        if (table > 0).sum(axis=1).max() == 1 and len(keys) > 1:
            found.append(name)
    return found
