"""What people say of replies: outcomes, and thumbs. Up confirms what was answered; down, or a correction, also puts the
answered row into the review queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipelines.errors import NightshiftError, RecordsError
from pipelines.problems import Judged
from pipelines.records.feedback import Feedback, FeedbackResult, add
from pipelines.records.predictions import Logged, find
from pipelines.records.review import Ask, add_items
from pipelines.records.store import Records
from pipelines.serving.outcomes import DOWN, UP

logger = logging.getLogger("nightshift.serving")


def judge(log: Records, queue: Records | None, model: Judged, items: Sequence[Feedback]) -> list[FeedbackResult]:
    """Keep outcomes and ask people; one result per item, in order.

    A thumb up is kept as the outcome that the answer was. A thumb down tells no outcome: the row is ``asked`` of
    people, and teaches nothing until somebody says what is right. An outcome other than the answer is kept, and shown
    to people as a correction.

    Raises:
        RecordsError: the log cannot be written, or a thumb down finds no review queue.
    """
    results: dict[int, FeedbackResult] = {}
    told: list[tuple[int, Feedback, Logged]] = []
    asks: list[Ask] = []
    down = False
    for place, item in enumerate(items):
        answered = find(log, item.product, item.request_id, item.row)
        outcome = item.outcome
        if answered is None:
            results[place] = FeedbackResult(item.request_id, item.row, "unknown request")
        elif outcome is DOWN:
            down = True
            asks.append(_ask(model, answered, None))
            results[place] = FeedbackResult(item.request_id, item.row, "asked")
        elif outcome is UP and model.confirmed(answered.answer) is None:
            results[place] = FeedbackResult(item.request_id, item.row, "nothing to confirm")
        else:
            right = model.confirmed(answered.answer) if outcome is UP else outcome
            told.append((place, replace(item, outcome=right), answered))
    if down and queue is None:
        raise RecordsError("this service has no review queue", next_step="start it where the records are")
    for (place, item, answered), result in zip(told, add(log, [item for _, item, _ in told]), strict=True):
        results[place] = result
        if result.status == "joined" and item.outcome != model.confirmed(answered.answer):
            asks.append(_ask(model, answered, item.outcome))
    _put(queue, asks, needed=down)
    return [results[place] for place in range(len(items))]


def _ask(model: Judged, answered: Logged, given: Any) -> Ask:
    key = f"{answered.request_id}:{answered.row}"
    return Ask(answered.product, "chat", "chat", key, **model.doubt(answered.features, answered.answer, given))


def _put(queue: Records | None, asks: Sequence[Ask], needed: bool) -> None:
    if queue is None:
        return
    try:
        add_items(queue, asks)
    except NightshiftError as error:
        if needed:
            raise
        logger.error("corrected replies could not be put into the review queue: %s", error.line())
