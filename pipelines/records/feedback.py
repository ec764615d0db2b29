"""True outcomes, told later: joined to the prediction log, capped per client and day, contradictions set apart."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, func, select
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.records.predictions import Logged, compact, logged
from pipelines.records.schema import feedback, predictions
from pipelines.records.store import Records

Status = Literal["joined", "unknown request", "conflict", "duplicate", "asked", "nothing to confirm"]


@dataclass(frozen=True)
class Feedback:
    """What really came of one answered row.

    Attributes:
        request_id: the answer's.
        row: the row's place in that request, from 0.
        product: the product that answered.
        outcome: the true target value, a JSON value.
        at: UTC ISO time at which it was told.
        client: name of the API key, or None.
    """

    request_id: str
    row: int
    product: str
    outcome: Any
    at: str
    client: str | None = None


@dataclass(frozen=True)
class FeedbackResult:
    """What became of one item.

    ``joined``: kept. ``duplicate``: the same outcome is there already. ``conflict``: another outcome is there already;
    both are kept and neither is used until a person has looked. ``unknown request``: this product answered no such row,
    or it is forgotten; not kept. Of a thumb (``serving/judging.py``): ``asked``: put into the review queue;
    ``nothing to confirm``: nothing was answered that could be right.
    """

    request_id: str
    row: int
    status: Status


@dataclass(frozen=True)
class Conflict:
    """An answered row of which different outcomes were told, in the order in which they came."""

    prediction: Logged
    outcomes: tuple[Feedback, ...]


def add(log: Records, items: Sequence[Feedback]) -> list[FeedbackResult]:
    """Keep outcomes, in one transaction; one result per item, in order."""
    if not items:
        return []
    with log.changing() as connection:
        return [FeedbackResult(item.request_id, item.row, _add(connection, item)) for item in items]


def _add(connection: Connection, item: Feedback) -> Status:
    asked = and_(
        predictions.c.request_id == item.request_id,
        predictions.c.place == item.row,
        predictions.c.product == item.product,
    )
    if connection.execute(select(predictions.c.id).where(asked)).first() is None:
        return "unknown request"
    text = compact(item.outcome)
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    same_row = and_(feedback.c.request_id == item.request_id, feedback.c.place == item.row)
    told = set(connection.scalars(select(feedback.c.outcome_digest).where(same_row)))
    if digest in told:
        return "duplicate"
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {
        "request_id": item.request_id,
        "place": item.row,
        "product": item.product,
        "outcome": text,
        "outcome_digest": digest,
        "at": item.at,
        "client": item.client,
    }
    connection.execute(dialect.insert(feedback).values(values).on_conflict_do_nothing())
    return "conflict" if told else "joined"


def labelled(log: Records, product: str, since: str, until: str) -> list[tuple[Logged, Any]]:
    """Rows answered in ``since <= at < until`` whose outcome is known and undisputed, by the time of the answer."""
    rows = _joined(log, product, predictions.c.at >= since, predictions.c.at < until)
    return [(logged(row), json.loads(row.outcome)) for row in _undisputed(rows)]


def matured(log: Records, product: str, until: str, per_client_per_night: int) -> list[tuple[Logged, Any]]:
    """What may enter the next snapshot: undisputed outcomes told before ``until``, by the time they were told.

    Of one client and one day (UTC, of the telling) the first ``per_client_per_night`` count: no client alone can turn
    a model around in a night, and what counts once counts in every later night. Without keys all are one client.
    """
    rows = _joined(log, product, feedback.c.at < until)
    taken: Counter[tuple[str | None, str]] = Counter()
    kept: list[tuple[Logged, Any]] = []
    for row in sorted(_undisputed(rows), key=lambda row: (row.told_at, row.feedback_id)):
        key = (row.told_by, row.told_at[:10])
        taken[key] += 1
        if taken[key] <= per_client_per_night:
            kept.append((logged(row), json.loads(row.outcome)))
    return kept


def conflicts(log: Records, product: str) -> list[Conflict]:
    """Every row with more than one outcome: for a person to decide."""
    found = []
    for _, group in groupby(_joined(log, product), key=lambda row: row.id):
        rows = list(group)
        if len(rows) > 1:
            told = tuple(
                Feedback(row.request_id, row.place, product, json.loads(row.outcome), row.told_at, row.told_by)
                for row in rows
            )
            found.append(Conflict(logged(rows[0]), told))
    return found


def told_count(log: Records, product: str, since: str, until: str) -> int:
    """How many outcomes were told in ``since <= at < until``, contradictions included."""
    chosen = and_(feedback.c.product == product, feedback.c.at >= since, feedback.c.at < until)
    with log.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(feedback).where(chosen)).scalar_one())


def _joined(log: Records, product: str, *chosen: Any) -> list[Row[Any]]:
    """Predictions with their outcomes, by the prediction's time; several outcomes of one stand together."""
    told = and_(feedback.c.request_id == predictions.c.request_id, feedback.c.place == predictions.c.place)
    query = (
        select(
            predictions,
            feedback.c.outcome,
            feedback.c.id.label("feedback_id"),
            feedback.c.at.label("told_at"),
            feedback.c.client.label("told_by"),
        )
        .join(feedback, told)
        .where(predictions.c.product == product, *chosen)
        .order_by(predictions.c.at, predictions.c.id, feedback.c.id)
    )
    with log.reading() as connection:
        return list(connection.execute(query))


def _undisputed(rows: list[Row[Any]]) -> list[Row[Any]]:
    outcomes = Counter(row.id for row in rows)
    return [row for row in rows if outcomes[row.id] == 1]
