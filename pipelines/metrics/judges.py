"""All measures of one model on one set of rows, for any row weights: point estimate and bootstrap share the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics import ranking, reliability
from pipelines.metrics.several import MULTILABEL, MultilabelJudge

Task = Literal["binary", "multiclass", "multilabel", "regression"]
FloatArray = NDArray[np.float64]

BINARY = (
    "roc_auc",
    "average_precision",
    "ks",
    "lift_5",
    "lift_10",
    "lift_20",
    "brier",
    "log_loss",
    "ece",
    "rms_calibration_error",
)
MULTICLASS = ("accuracy", "macro_f1", "roc_auc", "brier", "log_loss", "ece", "rms_calibration_error")
REGRESSION = ("rmse", "mae", "r2")
LOWER_IS_BETTER = frozenset(
    {"brier", "log_loss", "ece", "rms_calibration_error", "rmse", "mae", "rmspe", "mase", "rmsse", "wape", "pinball"}
    | {"hamming_loss"}
)
CALIBRATION_ERRORS = ("ece", "rms_calibration_error")

TINY = 1e-15  # probabilities are kept this far from 0 and 1 inside logarithms


class Judge(Protocol):
    """Measures ``n`` rows.

    Attributes:
        names: the measures, in order.
        n: rows.
    """

    names: tuple[str, ...]
    n: int

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """``{name: float64 [b]}`` for row weights ``[b, n]``; NaN where a measure is not defined."""
        ...


def names_of(task: Task) -> tuple[str, ...]:
    """The measures of a task; any ``lift_<percent>`` may be asked for besides (binary)."""
    found: dict[Task, tuple[str, ...]] = {
        "binary": BINARY, "multiclass": MULTICLASS, "multilabel": MULTILABEL, "regression": REGRESSION,
    }  # fmt: skip
    return found[task]


def better(name: str, left: float, right: float) -> bool:
    """Whether ``left`` is the better value of the measure ``name``."""
    return left < right if name in LOWER_IS_BETTER else left > right


def judge(task: Task, y: NDArray[Any], score: NDArray[Any], names: Sequence[str] | None = None) -> Judge:
    """A judge of scores against outcomes.

    Args:
        task: kind of problem.
        y: binary 0/1 ``[n]``, class indices ``[n]``, multilabel 0/1 ``[n, k]``, or values ``[n]``.
        score: P(positive) ``[n]``, probabilities ``[n, k]``, multilabel probabilities and decisions ``[n, k, 2]``, or
            values ``[n]``.
        names: which measures; all of the task by default.
    """
    chosen = tuple(names) if names is not None else names_of(task)
    if task == "binary":
        return BinaryJudge(y, score, chosen)
    if task == "multilabel":
        return MultilabelJudge(y, score, chosen)
    if task == "multiclass":
        return MulticlassJudge(y, score, chosen)
    return RegressionJudge(y, score, chosen)


class BinaryJudge:
    """See :func:`judge`."""

    def __init__(self, y: NDArray[Any], score: NDArray[Any], names: Sequence[str] = BINARY) -> None:
        self.names = tuple(names)
        self.n = len(y)
        self._ranking = ranking.rank(y, score)
        self._reliability = reliability.Reliability(y, score)
        p, outcome = np.asarray(score, dtype=np.float64), np.asarray(y, dtype=np.float64)
        self._rows = {"brier": (p - outcome) ** 2, "log_loss": log_losses(y, p)}

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`Judge.measure`."""
        answers: dict[str, FloatArray] = {}
        wanted = set(self.names)
        if any(name not in self._rows and name not in CALIBRATION_ERRORS for name in wanted):
            line = ranking.curve(self._ranking, weights)
            ranked = {"roc_auc": ranking.auc_of, "average_precision": ranking.average_precision_of, "ks": ranking.ks_of}
            answers |= {name: measure(line) for name, measure in ranked.items() if name in wanted}
            for name in sorted(name for name in wanted if name.startswith("lift_")):
                answers[name] = ranking.lift_of(line, int(name.removeprefix("lift_")) / 100.0)
        answers |= _means(self._rows, wanted, weights)
        answers |= _calibration_errors(self._reliability, wanted, weights)
        return {name: answers[name] for name in self.names}


class MulticlassJudge:
    """See :func:`judge`; ``roc_auc`` is the mean of one class against the rest, ``ece`` is that of the top class."""

    def __init__(self, y: NDArray[Any], score: NDArray[Any], names: Sequence[str] = MULTICLASS) -> None:
        self.names = tuple(names)
        self.n = len(y)
        p = np.asarray(score, dtype=np.float64)
        self._k = p.shape[1]
        truth, top = np.asarray(y, dtype=np.int64), np.argmax(p, axis=1)
        right = (truth == top).astype(np.float64)
        onehot = np.eye(self._k)[truth]
        self._rankings = (
            [ranking.rank(onehot[:, j], p[:, j]) for j in range(self._k)] if "roc_auc" in self.names else []
        )
        self._reliability = reliability.Reliability(right, p.max(axis=1))
        self._rows = {"accuracy": right, "brier": ((p - onehot) ** 2).sum(axis=1), "log_loss": log_losses(y, p)}
        self._cells = np.eye(self._k * self._k)[truth * self._k + top]

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`Judge.measure`."""
        wanted = set(self.names)
        answers = _means(self._rows, wanted, weights)
        answers |= _calibration_errors(self._reliability, wanted, weights)
        if "macro_f1" in wanted:
            answers["macro_f1"] = self._macro_f1(weights)
        if "roc_auc" in wanted:
            per_class = [ranking.auc_of(ranking.curve(line, weights)) for line in self._rankings]
            answers["roc_auc"] = np.mean(per_class, axis=0)
        return {name: answers[name] for name in self.names}

    def _macro_f1(self, weights: FloatArray) -> FloatArray:
        confusion = (weights @ self._cells).reshape(-1, self._k, self._k)
        hits = np.einsum("bkk->bk", confusion)
        both = confusion.sum(axis=1) + confusion.sum(axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            f1 = np.where(both > 0, 2.0 * hits / both, np.nan)
        return np.asarray(np.nanmean(f1, axis=1))


class RegressionJudge:
    """See :func:`judge`."""

    def __init__(self, y: NDArray[Any], score: NDArray[Any], names: Sequence[str] = REGRESSION) -> None:
        self.names = tuple(names)
        self.n = len(y)
        self._y = np.asarray(y, dtype=np.float64) - float(np.mean(y))
        error = np.asarray(score, dtype=np.float64) - np.asarray(y, dtype=np.float64)
        self._rows = {"mse": error * error, "mae": np.abs(error), "y": self._y, "yy": self._y * self._y}

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`Judge.measure`."""
        mean = _means(self._rows, set(self._rows), weights)
        variance = mean["yy"] - mean["y"] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(variance > 0, 1.0 - mean["mse"] / variance, np.nan)
        answers = {"rmse": np.sqrt(mean["mse"]), "mae": mean["mae"], "r2": r2}
        return {name: answers[name] for name in self.names}


def log_losses(y: NDArray[Any], p: NDArray[Any]) -> FloatArray:
    """Negative log-likelihood of each row ``[n]``, nats, for P(positive) ``[n]`` or probabilities ``[n, k]``."""
    p = np.asarray(p, dtype=np.float64)
    if p.ndim == 2:
        stated = p[np.arange(len(p)), np.asarray(y, dtype=np.int64)]
    else:
        stated = np.where(np.asarray(y) == 1, p, 1.0 - p)
    return np.asarray(-np.log(np.clip(stated, TINY, 1.0)))


def _means(rows: dict[str, FloatArray], wanted: set[str], weights: FloatArray) -> dict[str, FloatArray]:
    names = [name for name in rows if name in wanted]
    if not names:
        return {}
    sums = weights @ np.column_stack([rows[name] for name in names])
    means = sums / weights.sum(axis=1, keepdims=True)
    return {name: means[:, i] for i, name in enumerate(names)}


def _calibration_errors(rows: reliability.Reliability, wanted: set[str], weights: FloatArray) -> dict[str, FloatArray]:
    if not wanted.intersection(CALIBRATION_ERRORS):
        return {}
    binned = rows.binned(weights)
    square = np.array([reliability.debiased_square_of(bins) for bins in binned])
    return {
        "ece": np.array([reliability.ece_of(bins) for bins in binned]),
        "rms_calibration_error": np.sign(square) * np.sqrt(np.abs(square)),
    }
