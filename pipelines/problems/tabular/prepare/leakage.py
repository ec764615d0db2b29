"""Features that are the target in disguise: each one alone against the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.models.base import Task

MAX_ROWS = 100_000  # rows looked at; a disguise shows in fewer
BINS = 32
FOLDS = 5


def single_feature_auc(design: Design, y: NDArray[Any], task: Task, classes: int) -> dict[str, float]:
    """How well each feature alone orders the target, ``{feature: 0.5 to 1}``.

    Binary: ROC AUC of the feature (the better direction, missing values at either end), of being missing, and of
    its out-of-fold target mean over quantile bins (finds a disguise that is not monotone); for a categorical
    feature of its out-of-fold target mean. Multiclass: the highest one-against-rest value over classes with at least
    10 rows. Regression: ``(1 + |Spearman's rho|) / 2``, and the same of the out-of-fold target mean.

    Args:
        design: train rows, ``n`` of them.
        y: class indices or values ``[n]``.
    """
    step = -(-len(y) // MAX_ROWS) or 1
    design, y = design.take(np.arange(0, len(y), step)), y[::step]
    goals = _goals(y, task, classes)
    fold = np.arange(len(y)) % FOLDS
    found: dict[str, float] = {}
    for place, name in enumerate(design.numeric_names):
        values = design.numeric[:, place].astype(np.float64)
        missing = np.isnan(values)
        low, high = np.where(missing, -np.inf, values), np.where(missing, np.inf, values)
        scores = [low, high, missing.astype(np.float64)] if missing.any() else [values]
        codes = quantile_codes(values)
        found[name] = max(_best(scores, codes, fold, goal, task) for goal in goals)
    for place, name in enumerate(design.categorical_names):
        codes = design.categorical[:, place].astype(np.int64)
        found[name] = max(_best([], codes, fold, goal, task) for goal in goals)
    return found


def _goals(y: NDArray[Any], task: Task, classes: int) -> list[NDArray[np.float64]]:
    if task == "regression":
        return [y.astype(np.float64)]
    if task == "binary":
        return [(y == 1).astype(np.float64)]
    return [(y == c).astype(np.float64) for c in range(classes) if min((y == c).sum(), (y != c).sum()) >= 10]


def _best(
    scores: list[NDArray[np.float64]],
    codes: NDArray[np.int64],
    fold: NDArray[np.int64],
    goal: NDArray[np.float64],
    task: Task,
) -> float:
    means = out_of_fold_means(codes, goal, fold)
    measure = _rank_agreement if task == "regression" else rank_auc
    return max(max(value, 1.0 - value) for value in (measure(score, goal) for score in (*scores, means)))


def out_of_fold_means(
    codes: NDArray[np.int64], goal: NDArray[np.float64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """For each row the mean goal of the rows of other folds with its code, ``[n]``; their overall mean if none."""
    width = int(codes.max()) + 1 if len(codes) else 1
    answer = np.empty(len(codes))
    for part in np.unique(fold):
        held = fold == part
        count = np.bincount(codes[~held], minlength=width)
        total = np.bincount(codes[~held], weights=goal[~held], minlength=width)
        overall = total.sum() / max(count.sum(), 1)
        means = np.where(count > 0, total / np.maximum(count, 1), overall)
        answer[held] = means[codes[held]]
    return answer


def rank_auc(score: NDArray[np.float64], goal: NDArray[np.float64]) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half; 0.5 where one class is absent."""
    positives = float(goal.sum())
    negatives = len(goal) - positives
    if not positives or not negatives:
        return 0.5
    ranks = average_ranks(score)
    return float((ranks[goal == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal values share their mean rank, ``[n]``."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[place.reshape(-1)], dtype=np.float64)


def _rank_agreement(score: NDArray[np.float64], goal: NDArray[np.float64]) -> float:
    left, right = average_ranks(score), average_ranks(goal)
    if left.std() == 0 or right.std() == 0:
        return 0.5
    return float((1.0 + np.corrcoef(left, right)[0, 1]) / 2.0)


def quantile_codes(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bins of about equal mass ``[n]``, a bin of its own for missing values and for each edge that many rows share."""
    present = values[~np.isnan(values)]
    if not present.size:
        return np.zeros(len(values), dtype=np.int64)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1], method="nearest"))
    # Between two neighbouring edges and on an edge are different bins, so that a single telling value stands out.
    codes = np.searchsorted(edges, values, "left") + np.searchsorted(edges, values, "right")
    return np.where(np.isnan(values), 2 * len(edges) + 1, codes).astype(np.int64)


def equal_to_target(columns: Mapping[str, list[str | None]], target: list[str | None]) -> list[str]:
    """Columns that hold the target, or a renaming of it: each value goes with one target value and back."""
    found = []
    for name, keys in columns.items():
        pairs = set(zip(keys, target, strict=True))
        lefts, rights = {left for left, _ in pairs}, {right for _, right in pairs}
        if len(rights) > 1 and len(pairs) == len(lefts) == len(rights):
            found.append(name)
    return found
