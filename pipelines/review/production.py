"""Answered requests that a person should see: feedback that contradicts, and answers of which the model was unsure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Params
from pipelines.features.values import rows_to_columns
from pipelines.problems.common.choosing_rows import margins, review_order
from pipelines.problems.common.identity import same_value
from pipelines.records import feedback, predictions
from pipelines.records.predictions import Logged
from pipelines.records.review import Ask
from pipelines.records.store import Records
from pipelines.review.models import PROPOSED, chances
from pipelines.review.shown import as_label, shown_columns
from pipelines.review.vectors import vectors

FloatArray = NDArray[np.float64]
NEWEST = 2000  # answered rows that are looked at
DAYS = 14  # of the log that are looked at
UNSURE = 0.2  # margin between the two best classes, or distance to the threshold times two
SURE = 0.9  # an answer this sure that feedback contradicts is worth a look
CONTRADICTED = 2.0  # priority: before what a model chose


def contradicted(log: Records, params: Params, name: str, at: datetime) -> list[Ask]:
    """Requests of which clients told different outcomes, then sure answers that were told to be wrong."""
    wanted = params.product(name).label.review.annotators
    asks = []
    for one in feedback.conflicts(log, name):
        told = " and ".join(str(item.outcome) for item in one.outcomes)
        why = f"clients told different outcomes: {told}"
        asks.append(_ask(name, "contradicting_feedback", one.prediction, why, CONTRADICTED + 1.0, wanted))
    for logged, outcome in feedback.labelled(log, name, _since(at), "9999"):
        confidence = confidence_of(logged.answer)
        decision = logged.answer.get("decision")
        if decision is None or confidence is None or confidence < SURE or same_value(decision, outcome):
            continue
        why = f"the model was {confidence:.0%} sure of {decision}, a client told {outcome}"
        priority = CONTRADICTED + confidence - SURE
        asks.append(_ask(name, "contradicting_feedback", logged, why, priority, wanted, as_label(outcome)))
    return asks


def unsure(
    log: Records, params: Params, name: str, at: datetime, most: int, known: Mapping[str, Collection[str]]
) -> list[Ask]:
    """Answers without feedback of which the model was unsure, unlike each other, newest window."""
    product = params.product(name)
    several = product.columns.task == "multilabel"
    told = {(one.request_id, one.row) for one, _ in feedback.labelled(log, name, _since(at), "9999")}
    told |= {(one.prediction.request_id, one.prediction.row) for one in feedback.conflicts(log, name)}
    entries, found = [], []
    for one in predictions.newest(log, name, _since(at), NEWEST):
        p = undecided_of(one.answer) if several else probabilities_of(one.answer)
        if p is None or (one.request_id, one.row) in told or not is_unsure(one.answer, p):
            continue
        ask = _ask(name, "low_confidence_production", one, "", 0.0, 1)
        if ask.name not in known.get(ask.key, ()):
            entries.append(one)
            found.append(p)
    widths = {len(p) for p in found}
    if not entries or len(widths) != 1:
        return []
    features = [one.features for one in entries]
    columns = rows_to_columns(features, shown_columns(params, name))
    made = vectors(columns, product.columns.numeric, product.columns.text)
    order = review_order(np.array(found), made, most, seed=0)
    return [
        _ask(
            name,
            "low_confidence_production",
            entries[place],
            f"answered in production, only {found[place].max():.0%} sure",
            -float(rank),
            product.label.review.annotators,
        )
        for rank, place in enumerate(order.tolist())
    ]


def probabilities_of(answer: Mapping[str, Any]) -> FloatArray | None:
    """Of the classes, ``[k]``, in an answer's order; None where it holds none."""
    score = answer.get("score")
    if isinstance(score, Mapping) and len(score) > 1 and "decision" in answer:
        values = np.array([float(value) for value in score.values()])
        return values / values.sum() if values.sum() > 0 else None
    if isinstance(score, float | int) and "threshold" in answer and 0.0 <= score <= 1.0:
        return np.array([1.0 - score, float(score)])
    return None


def undecided_of(answer: Mapping[str, Any]) -> FloatArray | None:
    """Several labels: of the least decided label, and its absence, ``[2]``; None where the answer holds none."""
    score = answer.get("score")
    if not isinstance(score, Mapping) or not score:
        return None
    return np.asarray(chances(np.array([[float(value) for value in score.values()]]), several=True)[0])


def is_unsure(answer: Mapping[str, Any], p: FloatArray) -> bool:
    """Whether the model said so itself; else by the margin, of a binary one by the distance to its threshold."""
    if isinstance(answer.get("sure"), bool):
        return not answer["sure"]
    threshold = answer.get("threshold")
    if len(p) == 2 and isinstance(threshold, float):
        return bool(abs(p[1] - threshold) * 2.0 < UNSURE)
    return bool(margins(p[None, :])[0] < UNSURE)


def confidence_of(answer: Mapping[str, Any]) -> float | None:
    """The probability of what was decided; None where the answer holds none."""
    score, decision = answer.get("score"), answer.get("decision")
    if isinstance(score, Mapping):
        found = score.get(str(decision))
        return float(found) if isinstance(found, float | int) else None
    p = probabilities_of(answer)
    threshold = answer.get("threshold")
    if p is None or not isinstance(threshold, float):
        return None
    return float(p[1] if p[1] >= threshold else p[0])


def _ask(name: str, source: Any, one: Logged, why: str, priority: float, wanted: int, given: Any = None) -> Ask:
    shown = {"_at": one.at, **one.features}
    key = f"{one.request_id}:{one.row:06}"
    return Ask(name, source, "request", key, shown, _proposed(one.answer), given, why, (), priority, wanted)


def _proposed(answer: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    candidates = answer.get("candidates")
    if isinstance(candidates, list):
        return [dict(one) for one in candidates[:PROPOSED] if isinstance(one, Mapping)]
    if "decision" in answer:
        confidence = confidence_of(answer)
        told = {} if confidence is None else {"confidence": round(confidence, 4)}
        return [{"label": answer["decision"], **told}]
    return [{"label": answer["score"]}] if isinstance(answer.get("score"), float | int) else []


def _since(at: datetime) -> str:
    moment = (at - timedelta(days=DAYS)).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
