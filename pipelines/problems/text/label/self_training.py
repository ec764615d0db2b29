"""Self-training: the linear text model answers for texts without label, where it is sure enough.

Learning from one's own confident answers: Yarowsky (1995), Unsupervised Word Sense Disambiguation Rivaling Supervised
Methods, ACL. How sure is enough is chosen on the valid side's labels by people, of the rows that no source before
reaches: those are like the ones that are asked here, which may be the harder ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.weak import SelfTraining
from pipelines.files import json_number
from pipelines.metrics.selective import choose_threshold
from pipelines.models.linear_text import fitting
from pipelines.models.text import TextData, TextSettings
from pipelines.problems.common.weak_rows import Given, Pool
from pipelines.step import Step


def teach(block: SelfTraining, pool: Pool, texts: Sequence[str], before: Sequence[Given], step: Step) -> Given:
    """Labels for the open rows that no source before gave one.

    Args:
        block: the risk that is allowed.
        pool: the rows.
        texts: cleaned, one per row of the pool.
        before: sources that the model learns from besides people, in order.
        step: profile and progress.
    """
    label, weight = np.where(pool.side == "train", pool.known, -1), np.ones(len(pool.known))
    for one in before:
        new = (label < 0) & (one.label >= 0)
        label[new], weight[new] = one.label[new], one.confidence[new]
    valid = pool.people & (pool.side == "valid")
    alike = valid & ~np.any([one.reached for one in before], axis=0) if before else valid
    taught, held, judged = np.flatnonzero(label >= 0), np.flatnonzero(valid), np.flatnonzero(alike)
    waiting = np.flatnonzero(pool.open & (label < 0))
    answer, certainty = np.full(len(label), -1, dtype=np.int64), np.zeros(len(label))
    report: dict[str, Any] = {
        "max_risk": block.max_risk,
        "confidence": block.confidence,
        "learned_from": len(taught),
        "valid_rows": len(judged),
        "asked": len(waiting),
    }
    reached = np.zeros(len(label), dtype=bool)
    if not len(judged) or not len(waiting) or len(np.unique(label[taught])) < 2:
        return Given("model", answer, certainty, reached, report | {"threshold": None, "labelled": 0})

    def at(rows: NDArray[np.int64]) -> list[str]:
        return [texts[row] for row in rows.tolist()]

    data = TextData(at(taught), label[taught], len(pool.classes), weight[taught], at(held), pool.known[held])
    model = fitting.fit(data, TextSettings(0, {}, step.params.profile, progress=step.progress))
    on_valid = model.predict(at(judged))
    right = on_valid.argmax(axis=1) == pool.known[judged]
    found = choose_threshold(on_valid.max(axis=1), right, block.max_risk, block.confidence)
    said = model.predict(at(waiting))
    sure = said.max(axis=1) >= found.threshold
    reached[waiting[sure]] = True
    answer[waiting[sure]], certainty[waiting[sure]] = said[sure].argmax(axis=1), said[sure].max(axis=1)
    report |= {
        "threshold": json_number(found.threshold, 6) if found.threshold <= 1 else None,
        "valid_accuracy": json_number(float(right.mean()), 6),
        "valid_coverage": json_number(found.coverage, 6),
        "valid_risk": json_number(found.risk, 6),
        "labelled": int(sure.sum()),
    }
    return Given("model", answer, certainty, reached, report)
