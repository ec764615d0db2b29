"""Series for ``dvc plots``: each file is a list of points, ``at`` along the x axis and one more field along y.

DVC draws the last field of a point against ``at`` (``x: at`` in dvc.yaml); without it, against the point's number,
which is why the curves are sampled at even steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import json_number
from pipelines.metrics import ranking
from pipelines.metrics.judges import Task
from pipelines.metrics.reliability import Reliability

FloatArray = NDArray[np.float64]
Series = list[dict[str, Any]]

STEPS = 101
BARS = 40


def series(task: Task, y: NDArray[Any], score: FloatArray) -> dict[str, Series]:
    """``{name: points}`` for the test rows of one model.

    Args:
        task: kind of problem.
        y: 0/1, class indices, or values ``[n]``.
        score: calibrated P(positive) ``[n]``, probabilities ``[n, k]`` (multilabel ``[n, k, 2]``), or values ``[n]``.
    """
    if task == "binary":
        return _binary(y, score)
    if task == "multiclass":
        top = score.max(axis=1)
        right = (np.argmax(score, axis=1) == y).astype(np.int64)
        return {"calibration": calibration(right, top), "score_histogram": histogram(top, 0.0, 1.0)}
    if task == "multilabel":
        stated = score[..., 0].ravel()
        return {"calibration": calibration(y.ravel(), stated), "score_histogram": histogram(stated, 0.0, 1.0)}
    error = score - y
    return {
        "predicted_against_actual": _points(*_binned_means(y, score), "predicted"),
        "error_histogram": histogram(error, float(error.min()), float(error.max())),
    }


def _binary(y: NDArray[Any], score: FloatArray) -> dict[str, Series]:
    line = ranking.curve(ranking.rank(y, score))
    hits, passed, false = line.hits[0], line.passed[0], line.false[0]
    recall, fall_out, reached = hits / hits[-1], false / false[-1], passed / passed[-1]
    grid = np.linspace(0.0, 1.0, STEPS)
    precision = hits / passed
    first = np.minimum(np.searchsorted(recall, grid), len(recall) - 1)
    return {
        "roc": _points(grid, roc_at(fall_out, recall, grid), "recall"),
        "precision_recall": _points(grid, precision[first], "precision"),
        "gain": _points(grid, np.interp(grid, np.append(0.0, reached), np.append(0.0, recall)), "recall"),
        "calibration": calibration(y, score),
        "score_histogram": histogram(score, 0.0, 1.0),
    }


def roc_at(fall_out: FloatArray, recall: FloatArray, grid: FloatArray) -> FloatArray:
    """Recall on the ROC curve at false-positive rates ``grid``; on a vertical step its upper end."""
    x, y = np.append(0.0, fall_out), np.append(0.0, recall)
    last = np.searchsorted(x, grid, side="right") - 1
    nxt = np.minimum(last + 1, len(x) - 1)
    width = x[nxt] - x[last]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(width > 0, (grid - x[last]) / width, 0.0)
    return np.asarray(y[last] + part * (y[nxt] - y[last]))


def calibration(y: NDArray[Any], p: FloatArray) -> Series:
    """Observed share against mean probability in 15 bins of equal mass."""
    bins = Reliability(y, p).binned()[0]
    return _points(bins.predicted / bins.weight, bins.observed / bins.weight, "observed")


def histogram(values: FloatArray, low: float, high: float) -> Series:
    """Share of rows in even bins, at their middles."""
    counts, edges = np.histogram(values, bins=BARS, range=(low, high if high > low else low + 1.0))
    return _points((edges[:-1] + edges[1:]) / 2.0, counts / len(values), "share")


def _binned_means(y: NDArray[Any], score: FloatArray, bins: int = 20) -> tuple[FloatArray, FloatArray]:
    parts = np.array_split(np.argsort(y, kind="stable"), min(bins, len(y)))
    return np.array([y[part].mean() for part in parts]), np.array([score[part].mean() for part in parts])


def _points(x: FloatArray, y: FloatArray, name: str) -> Series:
    return [{"at": json_number(a, 6), name: json_number(b, 6)} for a, b in zip(x.tolist(), y.tolist(), strict=True)]
