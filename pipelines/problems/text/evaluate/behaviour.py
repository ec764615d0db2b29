"""Behavioural tests of the chosen model: changes that must not change an answer, changes that must, and easy cases.

Ribeiro et al. (2020), Beyond Accuracy: Behavioral Testing of NLP Models with CheckList: invariance, directional
expectation, minimum functionality. Each gives a pass rate, held against a limit of ``evaluate.behaviour``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.stages import Behaviour
from pipelines.files import json_number
from pipelines.metrics.calibration import EDGE
from pipelines.models.encoder.augment import slip
from pipelines.problems.text.core.prepared import Prepared
from pipelines.verdicts import Check

FloatArray = NDArray[np.float64]
Score = Callable[[Sequence[str]], FloatArray]
Decide = Callable[[FloatArray], FloatArray]

TEXTS = 200
FEWEST = 40.0
LETTERS = 120_000  # of the asked texts together, so that long ones cost no more time than short ones
WORDS_PER_SLIP = 10
NAMES = ("Anna Novak", "Mohammed Khan", "Li Wei", "Grace Okafor", "Juan Perez", "John Smith")


def behave(settings: Behaviour, prepared: Prepared, rows: NDArray[np.int64], score: Score, decide: Decide) -> Any:
    """One entry per test: ``name``, ``kind``, ``cases``, ``passed``, ``rate``, ``limit``, ``ok``, ``detail``.

    Args:
        settings: limits, and texts whose class is beyond doubt.
        prepared: all rows.
        rows: test rows that the changed texts are made from.
        score: calibrated probabilities ``[n, k]`` of cleaned texts.
        decide: probabilities to what is decided, 0 and 1 ``[n, k]``.
    """
    picked = _picked(prepared, rows)
    texts = prepared.at(picked)
    rng = np.random.Generator(np.random.PCG64(0))
    plain = decide(score(texts))

    def same(changed: Sequence[str]) -> NDArray[np.bool_]:
        return np.asarray((decide(score(changed)) == plain).all(axis=1))

    first, second = ([f"{text} {_name(place + at)}" for place, text in enumerate(texts)] for at in (0, 3))
    named = np.asarray((decide(score(first)) == decide(score(second))).all(axis=1))
    found = [
        ("typos", "invariance", same([slips(text, rng) for text in texts]), "one word in ten is misspelt"),
        ("case", "invariance", same([text.upper() for text in texts]), "the text is in capitals"),
        ("names", "invariance", named, "one person's name or another's stands at the end"),
        ("courtesy", "invariance", same([f"{text} Thank you." for text in texts]), "a thank-you stands at the end"),
        (
            "direction",
            "direction",
            _towards(prepared, texts, score),
            "a text of another class is added: that class gains",
        ),
    ]
    if settings.minimum:
        easy = [(text, label) for label, told in settings.minimum.items() for text in told]
        found.append(
            ("minimum", "minimum functionality", _easy(prepared, easy, score, decide), "plain texts of a class")
        )
    limits = {str(name): limit for name, limit in settings.limits.items()}
    return [_entry(name, kind, passed, detail, limits.get(name)) for name, kind, passed, detail in found]


def checks(entries: Sequence[dict[str, Any]]) -> list[Check]:
    """One check per test that has a limit."""
    return [
        Check(
            name=f"behaviour:{one['name']}",
            ok=bool(one["ok"]),
            value=one["rate"],
            limit=one["limit"],
            unit="share of cases",
            detail=f"{one['detail']}: the answer is as it should be in {one['passed']} of {one['cases']} cases",
        )
        for one in entries
        if one["limit"] is not None
    ]


def slips(text: str, rng: np.random.Generator) -> str:
    """A text with one word in ten misspelt, at least one where a word is long enough."""
    words = text.split(" ")
    able = [place for place, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    count = min(len(able), max(1, len(words) // WORDS_PER_SLIP))
    for place in rng.permutation(len(able))[:count].tolist():
        words[able[place]] = slip(words[able[place]], rng)
    return " ".join(words)


def _picked(prepared: Prepared, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    mean = float(np.mean([len(prepared.texts[row]) for row in rows.tolist()]))
    count = int(min(TEXTS, len(rows), max(FEWEST, LETTERS / max(1.0, 8.0 * mean))))
    return np.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))])


def _name(place: int) -> str:
    return NAMES[place % len(NAMES)]


def _towards(prepared: Prepared, texts: Sequence[str], score: Score) -> NDArray[np.bool_]:
    """Whether the log-odds of a class rise when a valid text of it that the model is right about is added."""
    before = score(texts)
    valid = prepared.rows("valid")
    valid = valid[np.unique(np.linspace(0, len(valid) - 1, min(len(texts) * 2, len(valid))).astype(int))]
    told = score(prepared.at(valid))
    own = (
        prepared.y[valid]
        if prepared.y.ndim == 1
        else np.where(prepared.y[valid].sum(1) == 1, prepared.y[valid].argmax(1), -1)
    )
    clear = np.flatnonzero((told.argmax(axis=1) == own) & (own >= 0))
    if not len(clear):
        return np.zeros(len(texts), dtype=bool)
    added = clear[np.arange(len(texts)) % len(clear)]
    label = own[added]
    apart = before.argmax(axis=1) != label
    after = score([f"{text} {prepared.texts[int(valid[place])]}" for text, place in zip(texts, added, strict=True)])
    row = np.arange(len(texts))
    rises = _log_odds(after[row, label]) > _log_odds(before[row, label])
    return np.asarray(rises[apart]) if apart.any() else np.asarray(rises)


def _log_odds(p: FloatArray) -> FloatArray:
    inside = np.clip(p, EDGE, 1.0 - EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _easy(prepared: Prepared, cases: Sequence[tuple[str, str]], score: Score, decide: Decide) -> NDArray[np.bool_]:
    names = [str(value) for value in prepared.classes]
    given = decide(score([text for text, _ in cases]))
    return np.array([label in names and given[row, names.index(label)] == 1 for row, (_, label) in enumerate(cases)])


def _entry(name: str, kind: str, passed: NDArray[np.bool_], detail: str, limit: float | None) -> dict[str, Any]:
    rate = float(passed.mean()) if len(passed) else 0.0
    return {
        "name": name, "kind": kind, "cases": len(passed), "passed": int(passed.sum()), "rate": json_number(rate),
        "limit": limit, "ok": limit is None or rate >= limit, "detail": detail,
    }  # fmt: skip
