"""Measures of texts or rows that have several labels each, for any row weights; see :mod:`pipelines.metrics.judges`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics import ranking, reliability

FloatArray = NDArray[np.float64]

MULTILABEL = (
    "micro_f1",
    "macro_f1",
    "mean_average_precision",
    "subset_accuracy",
    "hamming_loss",
    "brier",
    "log_loss",
    "ece",
)
TINY = 1e-15


class MultilabelJudge:
    """Measures of ``n`` rows with ``k`` labels.

    ``micro_f1`` counts all decisions together, ``macro_f1`` and ``mean_average_precision`` are means over the labels
    that the rows hold (Manning, Raghavan, Schuetze, 2008, Introduction to Information Retrieval, section 13.6);
    ``subset_accuracy`` is the share of rows whose labels are all right; ``ece``, ``brier``, ``log_loss`` and
    ``hamming_loss`` are means over the labels.

    Args:
        y: 0 and 1 ``[n, k]``.
        score: probability and decision (0 or 1) of each label ``[n, k, 2]``.
        names: which measures.
    """

    def __init__(self, y: NDArray[Any], score: NDArray[Any], names: Sequence[str] = MULTILABEL) -> None:
        self.names = tuple(names)
        self.n, self._k = y.shape
        truth = np.asarray(y, dtype=np.float64)
        p, decided = np.asarray(score[..., 0], dtype=np.float64), np.asarray(score[..., 1], dtype=np.float64)
        stated = np.clip(np.where(truth == 1, p, 1.0 - p), TINY, 1.0)
        self._hits, self._both = truth * decided, truth + decided
        self._truth = truth
        self._rows = {
            "subset_accuracy": (truth == decided).all(axis=1).astype(np.float64),
            "hamming_loss": (truth != decided).mean(axis=1),
            "brier": ((p - truth) ** 2).mean(axis=1),
            "log_loss": -np.log(stated).mean(axis=1),
        }
        self._rankings = [ranking.rank(truth[:, j], p[:, j]) for j in self._labels("mean_average_precision")]
        self._reliability = [reliability.Reliability(truth[:, j], p[:, j]) for j in self._labels("ece")]

    def _labels(self, name: str) -> range:
        return range(self._k if name in self.names else 0)

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """``{name: float64 [b]}`` for row weights ``[b, n]``; NaN where a measure is not defined."""
        hits, both = weights @ self._hits, weights @ self._both
        total = weights.sum(axis=1)
        answers = {name: weights @ row / total for name, row in self._rows.items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            answers["micro_f1"] = 2.0 * hits.sum(axis=1) / both.sum(axis=1)
            answers["macro_f1"] = np.nanmean(np.where(both > 0, 2.0 * hits / both, np.nan), axis=1)
        if self._rankings:
            each = [ranking.average_precision_of(ranking.curve(one, weights)) for one in self._rankings]
            answers["mean_average_precision"] = np.asarray(np.nanmean(each, axis=0))
        if self._reliability:
            each = [np.array([reliability.ece_of(bins) for bins in one.binned(weights)]) for one in self._reliability]
            answers["ece"] = np.asarray(np.mean(each, axis=0))
        return {name: answers[name] for name in self.names}


def per_label(y: NDArray[Any], score: NDArray[Any]) -> list[dict[str, float]]:
    """For each label: ``rows`` that have it, ``f1``, ``precision``, ``recall``, ``average_precision``, ``ece``.

    Args:
        y: 0 and 1 ``[n, k]``.
        score: probability and decision of each label ``[n, k, 2]``.
    """
    found = []
    for label in range(y.shape[1]):
        truth, p, decided = y[:, label], score[:, label, 0], score[:, label, 1]
        hits, said, there = float((truth * decided).sum()), float(decided.sum()), float(truth.sum())
        found.append(
            {
                "rows": there,
                "f1": 2.0 * hits / (said + there) if said + there else float("nan"),
                "precision": hits / said if said else float("nan"),
                "recall": hits / there if there else float("nan"),
                "average_precision": ranking.average_precision(truth, p),
                "ece": reliability.ece(truth, p),
            }
        )
    return found


def best_thresholds(y: NDArray[Any], p: FloatArray, fewest: int = 10) -> FloatArray:
    """Per label the threshold with the highest F1, ``[k]``; the one of all labels together for a label that fewer than
    ``fewest`` rows have.

    Halfway between two neighbouring probabilities, so that a probability that differs in its last digit is not decided
    otherwise.

    Args:
        y: 0 and 1 ``[n, k]``.
        p: calibrated probabilities ``[n, k]``, made without these rows.
        fewest: rows with and rows without the label.
    """
    common = _best(y.ravel(), p.ravel())
    return np.array(
        [
            _best(y[:, label], p[:, label]) if fewest <= int(y[:, label].sum()) <= len(y) - fewest else common
            for label in range(y.shape[1])
        ]
    )


def _best(y: NDArray[Any], p: FloatArray) -> float:
    order = np.argsort(-p, kind="stable")
    falling, hits = p[order], np.cumsum(y[order])
    f1 = 2.0 * hits / (np.arange(1, len(p) + 1) + hits[-1])
    f1[:-1][falling[:-1] == falling[1:]] = -1.0  # equal probabilities are decided alike
    at = int(np.argmax(f1))
    after = falling[at + 1] if at + 1 < len(p) else 0.0
    return float((falling[at] + after) / 2.0)
