"""Several people's answers to one item as one label, how far they agree, and how good each is."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.config import Product
from pipelines.metrics.annotators import Table, cohens_kappa, dawid_skene, decided, krippendorff_alpha, vote_shares
from pipelines.records.predictions import compact
from pipelines.records.review import Item
from pipelines.records.review_answers import Answer

Votes = Sequence[tuple[Item, list[Answer]]]
SURE_ENOUGH = 0.6  # smallest probability of a class by Dawid-Skene where annotators disagree


@dataclass(frozen=True)
class Reconciled:
    """One item's label. ``share``: of the votes for it, or its probability by Dawid-Skene; 1 for a number."""

    item: Item
    label: Any
    annotators: int
    share: float


@dataclass(frozen=True)
class Annotator:
    """One person over a product's items.

    Attributes:
        answers: how many count.
        agrees: share of the items with other annotators where the label is what they said; None without such items.
        accuracy: estimated by Dawid-Skene; None for a regression, or where no two annotators answered one item.
    """

    name: str
    answers: int
    agrees: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Agreement:
    """Over the items that two annotators or more answered; numbers are None where they are undefined.

    ``alpha``: Krippendorff's, nominal for classes, interval for numbers. ``kappa``: Cohen's, of each pair.
    """

    items: int
    alpha: float | None
    kappa: dict[tuple[str, str], float | None]


def reconcile(product: Product, votes: Votes) -> tuple[list[Reconciled], list[Item]]:
    """Labels of the items with enough answers, and the items that ask for one more annotator.

    Enough are ``label.review.annotators``, or fewer where fewer were asked then. Numbers: the median. Classes: by
    ``label.review.reconcile``.
    """
    least = product.label.review.annotators
    enough = [(item, said) for item, said in votes if len(said) >= min(item.wanted, least)]
    if product.columns.task == "regression" or not enough:
        return [_median(item, said) for item, said in enough], []
    table, labels, _ = _table(enough)
    method, width = product.label.review.reconcile, max(len(labels), 2)
    shares = dawid_skene(table, width).posterior if method == "dawid_skene" else vote_shares(table, width)
    chosen = decided(shares)
    found, open_again = [], []
    for row, (item, said) in enumerate(enough):
        place, united = int(chosen[row]), len({compact(one.answer) for one in said}) == 1
        if united:
            place = labels.index(compact(said[0].answer))
        if place < 0 or (method == "dawid_skene" and not united and shares[row, place] < SURE_ENOUGH):
            open_again.append(item)
        else:
            found.append(Reconciled(item, json.loads(labels[place]), len(said), float(shares[row, place])))
    return found, open_again


def annotators(product: Product, votes: Votes) -> list[Annotator]:
    """Every annotator, by name."""
    table, labels, names = _table(votes)
    several = (table >= 0).sum(axis=1) >= 2 if len(table) else np.zeros(0, dtype=bool)
    numeric = product.columns.task == "regression"
    accuracy = dawid_skene(table, max(len(labels), 2)).accuracy if several.any() and not numeric else None
    label_of = {one.item.id: compact(one.label) for one in reconcile(product, votes)[0]}
    found = []
    for who, name in enumerate(names):
        said = [
            (label_of.get(item.id), labels[table[row, who]])
            for row, (item, _) in enumerate(votes)
            if table[row, who] >= 0 and several[row]
        ]
        hits = [label == own for label, own in said if label is not None]
        agrees = sum(hits) / len(hits) if hits and not numeric else None
        known = None if accuracy is None else float(accuracy[who])
        found.append(Annotator(name, int((table[:, who] >= 0).sum()), agrees, known))
    return found


def agreement(product: Product, votes: Votes) -> Agreement:
    """How far the annotators agree."""
    table, labels, names = _table(votes)
    shared = int(((table >= 0).sum(axis=1) >= 2).sum()) if len(table) else 0
    if not shared:
        return Agreement(0, None, {})
    numeric = product.columns.task == "regression"
    values = np.where(table >= 0, table, np.nan).astype(np.float64)
    if numeric:
        numbers = np.array([float(json.loads(label)) for label in labels] + [math.nan])
        values = numbers[table]
    pairs = [(one, other) for one in range(len(names)) for other in range(one + 1, len(names))]
    kappa = {}
    for one, other in pairs:
        if ((table[:, one] >= 0) & (table[:, other] >= 0)).any() and not numeric:
            kappa[(names[one], names[other])] = _finite(cohens_kappa(table[:, one], table[:, other]))
    return Agreement(shared, _finite(krippendorff_alpha(values, interval=numeric)), kappa)


def _table(votes: Votes) -> tuple[Table, list[str], list[str]]:
    """Class indices ``[items, annotators]``, the labels as JSON, sorted, and the annotators, sorted."""
    labels = sorted({compact(one.answer) for _, said in votes for one in said})
    names = sorted({one.annotator for _, said in votes for one in said})
    place, column = {label: n for n, label in enumerate(labels)}, {name: n for n, name in enumerate(names)}
    table = np.full((len(votes), len(names)), -1, dtype=np.int64)
    for row, (_, said) in enumerate(votes):
        for one in said:
            table[row, column[one.annotator]] = place[compact(one.answer)]
    return table, labels, names


def _median(item: Item, said: list[Answer]) -> Reconciled:
    numbers = [float(one.answer) for one in said]
    return Reconciled(item, float(np.median(numbers)), len(said), 1.0)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def tally(votes: Votes) -> Counter[str]:
    """Answers by sureness: ``guess``, ``fairly``, ``sure``, ``unsaid``."""
    words = {1: "guess", 2: "fairly", 3: "sure"}
    return Counter(words.get(one.sureness or 0, "unsaid") for _, said in votes for one in said)
