"""The choice for several labels per text: members, calibration per label, thresholds per label, sure answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.stages import Evaluate
from pipelines.config import Product
from pipelines.files import json_number
from pipelines.metrics.calibration import NONE, Calibration, apply
from pipelines.metrics.calibrators import fit_platt
from pipelines.metrics.intervals import difference, estimates
from pipelines.metrics.judges import Judge, better, judge
from pipelines.metrics.selective import choose_threshold
from pipelines.metrics.several import best_thresholds, per_label
from pipelines.problems.common import slicing
from pipelines.problems.common.blending import blend
from pipelines.problems.common.trained import Answers
from pipelines.problems.text.core.prepared import Prepared
from pipelines.problems.text.core.several import decided, set_confidence, stacked

FloatArray = NDArray[np.float64]
FEWEST = 20  # rows with a label, and without it, from which on it is calibrated by itself
EVENLY = "an even mean of all"


def choose(
    product: Product, prepared: Prepared, answers: Sequence[Answers], rows: NDArray[np.int64]
) -> tuple[dict[str, Any], list[Answers], dict[str, Any]]:
    """``choice.json`` but for its test metric, the members, and how it came about.

    The simplest model that none beats beyond noise on the key metric, each with thresholds of its own; an even mean of
    all where it beats that one beyond noise. Calibration is Platt's for each label, the same one for all rare labels.

    Args:
        product: key metric, resamples, confidence, selective answers.
        prepared: the rows.
        answers: candidates, simplest first.
        rows: that nothing but the candidates' out-of-fold answers is known of.
    """
    settings, y = product.evaluate, prepared.y[rows]
    scores = [one.at(rows) for one in answers]
    judges = [_judge(y, score, settings) for score in scores]
    ranking = {
        one.model: estimates(found, settings.resamples, settings.confidence)[settings.metric]
        for one, found in zip(answers, judges, strict=True)
    }
    single, reason = _simplest(answers, judges, settings)
    picked = [single]
    selection: dict[str, Any] = {"rows": len(rows), "ranking": slicing.numbers(ranking)}
    if len(answers) > 1 and settings.ensemble:
        together = _judge(y, _mean(scores), settings)
        gain = difference(together, judges[single], settings.metric, settings.resamples, settings.confidence)
        selection["ensemble_gain"] = {
            "value": json_number(gain.value), "low": json_number(gain.low), "high": json_number(gain.high),
            "chance_of_none": json_number(gain.chance),
        }  # fmt: skip
        if gain.better(settings.confidence):
            picked, reason = list(range(len(answers))), f"{EVENLY} is better than {answers[single].model} beyond noise"
        else:
            reason = f"{reason}; {EVENLY} is not better beyond noise"
    selection["reason"] = reason
    members = [answers[place] for place in picked]
    blended = _mean([scores[place] for place in picked])
    calibration = calibrate(y, blended, settings.calibration)
    p = apply(calibration, blended)
    thresholds = [float(json_number(value, 12) or 0.0) for value in best_thresholds(y, p).tolist()]
    choice: dict[str, Any] = {
        "task": prepared.task,
        "classes": prepared.classes,
        "members": [{"model": one.model, "weight": 1.0 / len(members)} for one in members],
        "blend": "odds",
        "calibration": _rounded(calibration),
        "threshold": None,
        "thresholds": thresholds,
        "selective": None,
    }
    if settings.selective is not None:
        given = decided(p, thresholds)
        right = np.asarray((given == (y == 1)).all(axis=1))
        asked = settings.selective
        found = choose_threshold(set_confidence(p, given), right, asked.max_risk, asked.confidence)
        choice["selective"] = {
            "threshold": json_number(found.threshold, 12), "max_risk": asked.max_risk, "confidence": asked.confidence,
            "valid": {
                "coverage": json_number(found.coverage), "risk": json_number(found.risk),
                "bound": json_number(found.bound),
            },
        }  # fmt: skip
    return choice, members, selection


def calibrate(y: NDArray[Any], p: FloatArray, method: str) -> Calibration:
    """Platt's calibration of each label ``[n, k]``; a label that few rows have shares one of all labels together."""
    if method == "none":
        return NONE
    common = fit_platt(y.ravel(), p.ravel())
    each = [
        fit_platt(y[:, label], p[:, label]) if FEWEST <= int(y[:, label].sum()) <= len(y) - FEWEST else common
        for label in range(p.shape[1])
    ]
    return {"method": "per_label", "labels": each}


def labels_table(prepared: Prepared, y: NDArray[Any], judged: FloatArray) -> list[dict[str, Any]]:
    """Per label: test rows that have it, F1, precision, recall, average precision, ECE; weakest F1 first."""
    found = [
        {"label": str(label), **{name: json_number(value) for name, value in one.items()}}
        for label, one in zip(prepared.classes, per_label(y, judged), strict=True)
    ]
    return sorted(found, key=lambda one: (one["f1"] is not None, one["f1"] or 0.0, one["label"]))


def _judge(y: NDArray[Any], score: FloatArray, settings: Evaluate) -> Judge:
    return judge("multilabel", y, stacked(score, best_thresholds(y, score).tolist()), [settings.metric])


def _simplest(answers: Sequence[Answers], judges: Sequence[Judge], settings: Evaluate) -> tuple[int, str]:
    if len(answers) == 1:
        return 0, f"{answers[0].model} is the only candidate"
    one = np.ones((1, judges[0].n))
    values = [float(found.measure(one)[settings.metric][0]) for found in judges]
    best = 0
    for place in range(1, len(values)):
        if better(settings.metric, values[place], values[best]):
            best = place
    for place in range(best):
        lead = difference(judges[best], judges[place], settings.metric, settings.resamples, settings.confidence)
        if not lead.better(settings.confidence):
            return place, f"{answers[best].model} is not better than the simpler {answers[place].model} beyond noise"
    return best, f"{answers[best].model} has the best {settings.metric}"


def _mean(scores: Sequence[FloatArray]) -> FloatArray:
    return blend(scores, [1.0 / len(scores)] * len(scores), "odds")


def _rounded(calibration: Calibration) -> dict[str, Any]:
    if calibration["method"] == "per_label":
        return {"method": "per_label", "labels": [_rounded(one) for one in calibration["labels"]]}
    return {key: json_number(value, 12) if isinstance(value, float) else value for key, value in calibration.items()}
