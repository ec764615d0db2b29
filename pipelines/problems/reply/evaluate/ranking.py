"""Fits the ranker and the hand-over threshold on the valid rows; the test rows are not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.problems.reply.answer.ranking import Pick, Ranker, picks
from pipelines.problems.reply.core.candidates import FEATURES, Proposals
from pipelines.problems.reply.core.dialogue import Situation
from pipelines.problems.reply.core.tokens import pieces

FloatArray = NDArray[np.float64]

GOOD = 0.7  # ROUGE-L from which on a reply is much the same as what was said
RIDGE = 1.0
STEPS = 30
Z = 1.645  # one-sided, 95%
FEWEST = 20  # valid replies that a threshold is read off


def quality(text: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (ROUGE-L), 0 to 1."""
    if text == reference:
        return 1.0
    left, right = pieces(text), pieces(reference)
    if not left or not right:
        return 0.0
    before = [0] * (len(right) + 1)
    for word in left:
        row = [0]
        for place, other in enumerate(right):
            row.append(before[place] + 1 if word == other else max(row[place], before[place + 1]))
        before = row
    return 2.0 * before[-1] / (len(left) + len(right))


def qualities(proposals: Sequence[Proposals], references: Sequence[str]) -> list[list[float]]:
    """Quality of every candidate of every situation."""
    kept: dict[tuple[str, str], float] = {}
    found = []
    for made, reference in zip(proposals, references, strict=True):
        row = []
        for candidate in made.candidates:
            pair = (candidate.text, reference)
            if pair not in kept:
                kept[pair] = quality(*pair)
            row.append(kept[pair])
        found.append(row)
    return found


def fit(proposals: Sequence[Proposals], wanted: Sequence[Sequence[float]]) -> Ranker:
    """Logistic regression on soft targets by Newton's method; every situation has the same weight."""
    rows = [candidate.features for made in proposals for candidate in made.candidates]
    if not rows:
        zero = np.zeros(len(FEATURES))
        return Ranker(zero, np.ones(len(FEATURES)), zero, 0.0)
    x = np.array(rows, dtype=np.float64)
    y = np.array([value for row in wanted for value in row], dtype=np.float64)
    weight = np.array([1.0 / len(made.candidates) for made in proposals for _ in made.candidates])
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    z = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    beta = np.zeros(z.shape[1])
    penalty = RIDGE * np.eye(len(beta))
    penalty[-1, -1] = 1e-6
    for _ in range(STEPS):
        p = 1.0 / (1.0 + np.exp(-z @ beta))
        slope = z.T @ (weight * (p - y)) + penalty @ beta
        curve = (z * (weight * p * (1.0 - p))[:, None]).T @ z + penalty
        move = np.linalg.solve(curve, slope)
        beta -= move
        if np.abs(move).max() < 1e-9:
            break
    return Ranker(mean, scale, beta[:-1], float(beta[-1]))


def cross_fitted(
    situations: Sequence[Situation], proposals: Sequence[Proposals], wanted: Sequence[Sequence[float]],
    dialogues: Sequence[str],
) -> list[Pick]:  # fmt: skip
    """Picks of the valid rows by rankers that did not see their dialogue (two folds)."""
    names = {name: place for place, name in enumerate(sorted(set(dialogues)))}
    fold = np.array([names[name] % 2 for name in dialogues])
    found: list[Any] = [None] * len(situations)
    for number in (0, 1):
        other, own = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        ranker = fit([proposals[row] for row in other], [wanted[row] for row in other])
        chosen = picks([situations[row] for row in own], [proposals[row] for row in own], ranker, 0.0)
        for row, one in zip(own, chosen, strict=True):
            found[row] = one
    return found


def threshold_for(confidence: FloatArray, good: NDArray[np.bool_], share: float) -> tuple[float, dict[str, float]]:
    """The lowest confidence above which the share of good replies reaches ``share`` beyond noise (Wilson, 1927); 1.01,
    which nothing reaches, where there is none. Also what was seen there."""
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(good[order])
    n = np.arange(1, len(order) + 1)
    p = hits / n
    low = (p + Z * Z / (2 * n) - Z * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))) / (1 + Z * Z / n)
    last = np.append(confidence[order][1:] != confidence[order][:-1], True)
    able = np.flatnonzero((low >= share) & last & (n >= FEWEST))
    if not len(able):
        return 1.01, {"sent": 0.0, "good": 0.0}
    place = int(able[-1])
    return float(confidence[order][place]), {"sent": float(n[place] / len(order)), "good": float(p[place])}
