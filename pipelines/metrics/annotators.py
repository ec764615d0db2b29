"""How far annotators agree, how good each is, and one label out of several: pure functions of arrays.

A table of answers is int64 ``[items, annotators]``: class indices, -1 where an annotator did not answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Table = NDArray[np.int64]
TIED = 1e-9


@dataclass(frozen=True)
class Estimate:
    """What :func:`dawid_skene` found.

    Attributes:
        posterior: probability of each class, ``[items, k]``.
        confusion: P(answer j | truth i) of each annotator, ``[annotators, k, k]``.
        prior: P(truth i), ``[k]``.
        accuracy: expected share of right answers of each annotator, ``[annotators]``.
    """

    posterior: FloatArray
    confusion: FloatArray
    prior: FloatArray
    accuracy: FloatArray


def vote_shares(table: Table, classes: int) -> FloatArray:
    """Share of the answers for each class, ``[items, k]``; zeros where nobody answered."""
    counts = np.zeros((len(table), classes))
    rows, annotators = np.nonzero(table >= 0)
    np.add.at(counts, (rows, table[rows, annotators]), 1.0)
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))


def decided(shares: FloatArray) -> NDArray[np.int64]:
    """The class with the largest share per item, ``[items]``; -1 where the first two are equal or there is none."""
    top = shares.argmax(axis=1)
    best = shares.max(axis=1)
    tied = (shares >= best[:, None] - TIED).sum(axis=1) > 1
    return np.where(tied | (best <= 0.0), -1, top).astype(np.int64)


def dawid_skene(table: Table, classes: int, rounds: int = 100, smoothing: float = 1.0) -> Estimate:
    """Truth and each annotator's errors together, by expectation maximisation from the majority vote.

    Dawid and Skene (1979), Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied
    Statistics 28(1), 20-28. ``smoothing`` answers are added to each row of a confusion matrix, four in five of them
    on the diagonal: with few answers an annotator is taken for mostly right, not for perfect.

    Args:
        table: answers; every item has one at least.
        classes: k, at least 2.
    """
    count, annotators = table.shape
    said = np.zeros((annotators, count, classes))
    rows, who = np.nonzero(table >= 0)
    said[who, rows, table[rows, who]] = 1.0
    added = np.full((classes, classes), smoothing * 0.2 / max(classes - 1, 1))
    np.fill_diagonal(added, smoothing * 0.8)
    posterior = vote_shares(table, classes)
    prior = np.full(classes, 1.0 / classes)
    confusion = np.zeros((annotators, classes, classes))
    for _ in range(rounds):
        prior = (posterior.sum(axis=0) + 1.0) / (count + classes)
        confusion = np.einsum("ni,anj->aij", posterior, said) + added
        confusion /= confusion.sum(axis=2, keepdims=True)
        score = np.log(prior)[None, :] + np.einsum("anj,aij->ni", said, np.log(confusion))
        score = np.exp(score - score.max(axis=1, keepdims=True))
        after = score / score.sum(axis=1, keepdims=True)
        moved = float(np.abs(after - posterior).max(initial=0.0))
        posterior = after
        if moved < 1e-8:
            break
    accuracy = np.einsum("i,aii->a", prior, confusion)
    return Estimate(posterior, confusion, prior, accuracy)


def krippendorff_alpha(values: FloatArray, interval: bool = False) -> float:
    """Agreement of any number of annotators, with gaps: 1 perfect, 0 as by chance, below 0 worse.

    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, University of Pennsylvania. Items with fewer than
    two answers do not count. NaN where no item has two, or all answers are one value.

    Args:
        values: ``[items, annotators]``, NaN where an annotator did not answer.
        interval: squared differences of numbers count, not only whether two answers are the same.
    """
    pairable = values[(~np.isnan(values)).sum(axis=1) >= 2]
    levels = np.unique(pairable[~np.isnan(pairable)])
    if len(levels) < 2:
        return float("nan")
    counts = np.stack([(pairable == level).sum(axis=1) for level in levels], axis=1).astype(np.float64)
    size = counts.sum(axis=1)
    weighted = counts / (size - 1.0)[:, None]
    coincidence = counts.T @ weighted - np.diag(weighted.sum(axis=0))
    total = coincidence.sum(axis=1)
    apart = (levels[:, None] - levels[None, :]) ** 2 if interval else 1.0 - np.eye(len(levels))
    seen = float((coincidence * apart).sum())
    chance = float((np.outer(total, total) * apart).sum()) / (float(total.sum()) - 1.0)
    return 1.0 - seen / chance


def cohens_kappa(one: Table, other: Table) -> float:
    """Agreement of two annotators on the items that both answered, ``[items]`` each; NaN where there are none.

    Cohen (1960), A Coefficient of Agreement for Nominal Scales, Educational and Psychological Measurement 20, 37-46.
    """
    both = (one >= 0) & (other >= 0)
    if not both.any():
        return float("nan")
    left, right = one[both], other[both]
    width = int(max(left.max(), right.max())) + 1
    share_left = np.bincount(left, minlength=width) / len(left)
    share_right = np.bincount(right, minlength=width) / len(right)
    chance = float(share_left @ share_right)
    return float("nan") if chance >= 1.0 else (float((left == right).mean()) - chance) / (1.0 - chance)
