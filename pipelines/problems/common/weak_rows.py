"""Rows whose label no person gave: which may get one, who gave it, how sure, and what is told of it.

Only rows of the train side get such a label, and nothing here reads the test side: people's labels of the train side
take part, those of the valid side are what answers are measured on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.weak import Weak
from pipelines.config import Product
from pipelines.files import json_number
from pipelines.problems.common import splits
from pipelines.problems.common.identity import row_keys
from pipelines.problems.common.labels import Labelled, Wider
from pipelines.problems.common.provenance import CONFIDENCE, HUMAN, SOURCE
from pipelines.problems.common.weak_functions import LabelFunction, ZeroShot, votes_of
from pipelines.problems.common.weak_model import Aggregate, Votes, aggregate, majority

if TYPE_CHECKING:
    import pandas as pd

Same = Callable[["pd.DataFrame"], NDArray[np.int64]]
"""One number per row: equal numbers, equal content."""


@dataclass(frozen=True)
class Pool:
    """People's rows, then the rows without label; ``n`` together.

    Attributes:
        frame: all of them.
        side: ``train``, ``valid`` or ``test`` ``[n]``.
        known: class index where a person gave it, -1 elsewhere, ``[n]``.
        open: rows that may get a label: without one, on the train side, unlike every row with one, ``[n]``.
        classes: in order of their index.
        report: rows that may not, by reason.
    """

    frame: pd.DataFrame
    side: NDArray[np.str_]
    known: NDArray[np.int64]
    open: NDArray[np.bool_]
    classes: tuple[Any, ...]
    report: dict[str, int]

    @property
    def people(self) -> NDArray[np.bool_]:
        """Rows with a person's label ``[n]``."""
        return np.asarray(self.known >= 0)


@dataclass(frozen=True)
class Given:
    """Labels that some source gave to open rows of a pool.

    Attributes:
        source: ``weak`` or ``model``.
        label: class index, -1: none, ``[n]``.
        confidence: ``[n]``, 0 where none.
        reached: rows, open or not, that the source would have labelled ``[n]``.
        report: JSON.
    """

    source: str
    label: NDArray[np.int64]
    confidence: NDArray[np.float64]
    reached: NDArray[np.bool_]
    report: dict[str, Any]


def gather(product: Product, found: Labelled, same: Same, most: int) -> Pool:
    """People's rows of ``found`` and at most ``most`` of its rows without a label."""
    import pandas as pd

    rest = found.unlabelled.iloc[:most]
    frame = pd.concat([found.frame, rest], ignore_index=True)
    side = splits.assign(frame, product.columns, product.prepare.split)
    known = np.full(len(frame), -1, dtype=np.int64)
    known[: len(found.frame)] = found.targets.encode(found.frame[product.columns.target].to_numpy())
    codes = same(frame)
    twin = np.isin(codes, codes[known >= 0]) & (known < 0)
    held = (known < 0) & (side != "train")
    report = {
        "without_label": len(found.unlabelled),
        "looked_at": len(rest),
        "on_valid_and_test_side": int(held.sum()),
        "like_a_labelled_row": int((twin & ~held).sum()),
    }
    return Pool(frame, side, known, (known < 0) & ~twin & ~held, found.targets.classes, report)


def weak_labels(
    product: Product, pool: Pool, text: str | None, code: Mapping[str, LabelFunction], zero_shot: ZeroShot | None
) -> Given:
    """What the labelling functions together say of the open rows.

    Raises:
        ConfigError, DataError: as :func:`votes_of` and :func:`aggregate`.
    """
    weak = product.label.weak
    assert weak is not None
    asked = np.flatnonzero(pool.open | (pool.people & (pool.side != "test")))
    frame = pool.frame.iloc[asked].reset_index(drop=True)
    votes = votes_of(
        weak, frame, product.columns.target, pool.classes, text, row_keys(frame, product.columns), code, zero_shot
    )
    known = pool.known[asked]
    clamped = np.where(pool.side[asked] == "train", known, -1)
    found = aggregate(weak.model, votes, len(pool.classes), clamped)
    voted = (votes >= 0).any(axis=1)
    confidence = found.probabilities.max(axis=1)
    reached = np.zeros(len(pool.known), dtype=bool)
    reached[asked] = voted & (confidence >= weak.min_confidence)
    sure = pool.open[asked] & reached[asked]
    label, certainty = np.full(len(pool.known), -1, dtype=np.int64), np.zeros(len(pool.known))
    label[asked[sure]] = found.probabilities[sure].argmax(axis=1)
    certainty[asked[sure]] = confidence[sure]
    report = {
        "model": weak.model,
        "min_confidence": weak.min_confidence,
        "rows": {
            "labelled": int(sure.sum()),
            "no_function_answered": int((pool.open[asked] & ~voted).sum()),
            "not_sure_enough": int((pool.open[asked] & voted & ~sure).sum()),
        },
        "classes": _counts(label, pool.classes),
        "functions": _functions(weak, votes, known, found),
        "on_valid_rows": _measured(votes, known, pool.side[asked] == "valid", found, weak.min_confidence),
    }
    return Given("weak", label, certainty, reached, report)


def joined(product: Product, found: Labelled, pool: Pool, given: Sequence[Given]) -> Wider:
    """People's rows with the rows that got a label below them, and the report.

    The frame has ``_label_source`` (``human``, ``human_review``, ``weak``, ``model``) and ``_label_confidence``
    (float64, 1 for people).
    An earlier source goes before a later one.
    """
    import pandas as pd

    source = np.full(len(pool.known), HUMAN, dtype=object)
    if SOURCE in pool.frame:
        source = pool.frame[SOURCE].fillna(HUMAN).to_numpy().astype(object)
    label, confidence = pool.known.copy(), np.ones(len(pool.known))
    for one in given:
        taken = (label < 0) & (one.label >= 0)
        label[taken], confidence[taken], source[taken] = one.label[taken], one.confidence[taken], one.source
    new = np.flatnonzero((label >= 0) & ~pool.people)
    extra = pool.frame.iloc[new].copy()
    target = product.columns.target
    values = np.array([pool.classes[place] for place in label[new].tolist()], dtype=object)
    extra[target] = pd.Series(values, index=extra.index, dtype=object).astype(found.frame[target].dtype)
    frame = pd.concat([found.frame, extra], ignore_index=True)
    order = np.concatenate([np.flatnonzero(pool.people), new])
    frame[SOURCE] = source[order]
    frame[CONFIDENCE] = np.round(confidence[order], 6)
    left = int((pool.open & (label < 0)).sum())
    report = {
        "rows": {**pool.report, "left_without_label": left},
        **{one.source: one.report for one in given},
    }
    return Wider(frame, report)


def _counts(label: NDArray[np.int64], classes: Sequence[Any]) -> dict[str, int]:
    count = np.bincount(label[label >= 0], minlength=len(classes)).tolist()
    return {str(value): number for value, number in zip(classes, count, strict=True)}


def _functions(weak: Weak, votes: Votes, known: NDArray[np.int64], found: Aggregate) -> list[dict[str, Any]]:
    """Coverage, overlap and conflict as shares of all rows asked, as in Ratner et al. (2017, Snorkel, VLDB 11)."""
    voted = votes >= 0
    told = []
    for place, function in enumerate(weak.functions):
        own = voted[:, place]
        others = np.delete(votes, place, axis=1)
        overlap = own & (others >= 0).any(axis=1)
        conflict = own & ((others >= 0) & (others != votes[:, [place]])).any(axis=1)
        judged = own & (known >= 0)
        right = int((votes[judged, place] == known[judged]).sum())
        told.append(
            {
                "name": function.name,
                "kind": function.kind,
                "answers": int(own.sum()),
                "coverage": json_number(float(own.mean()), 6),
                "overlap": json_number(float(overlap.mean()), 6),
                "conflict": json_number(float(conflict.mean()), 6),
                "classes": len(np.unique(votes[own, place])),
                "estimated_accuracy": json_number(float(found.accuracy[place]), 6),
                "people": share_of(right, int(judged.sum())),
            }
        )
    return told


def _measured(
    votes: Votes, known: NDArray[np.int64], valid: NDArray[np.bool_], found: Aggregate, least: float
) -> dict[str, Any]:
    """The label model and plain majority on rows whose known label took no part."""
    rows = np.flatnonzero(valid & (known >= 0))
    voted = (votes[rows] >= 0).any(axis=1)
    model = found.probabilities[rows]
    plain = majority(votes[rows], found.probabilities.shape[1])
    truth = known[rows]
    sure = voted & (model.max(axis=1) >= least)
    return {
        "rows": len(rows),
        "coverage": json_number(float(voted.mean()) if len(rows) else np.nan, 6),
        "label_model": share_of(int((model.argmax(axis=1) == truth)[voted].sum()), int(voted.sum())),
        "majority": share_of(int((plain.argmax(axis=1) == truth)[voted].sum()), int(voted.sum())),
        "sure_enough": share_of(int((model.argmax(axis=1) == truth)[sure].sum()), int(sure.sum())),
    }


def share_of(right: int, count: int) -> dict[str, Any]:
    """``{"rows", "accuracy", "low", "high"}``: Wilson's 95% interval (1927, JASA 22); nulls without a row."""
    if not count:
        return {"rows": 0, "accuracy": None, "low": None, "high": None}
    share, z = right / count, 1.959964
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    numbers = (share, max(0.0, middle - half), min(1.0, middle + half))
    return {"rows": count} | dict(
        zip(("accuracy", "low", "high"), (json_number(float(value), 6) for value in numbers), strict=True)
    )
