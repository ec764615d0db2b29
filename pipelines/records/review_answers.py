"""Answers to the review queue: appended, never changed. Of one annotator and item the newest row counts.

An answer is kept before it is acknowledged: one transaction each, and the same post sent again is one answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, insert, or_, select, update

from pipelines.errors import DataError
from pipelines.records.predictions import compact
from pipelines.records.review import Item, as_item
from pipelines.records.schema import review_answers, review_items
from pipelines.records.store import Records, now

Action = Literal["answer", "skip", "retract"]
HOLD_SECONDS = 600.0  # how long an item is kept for the annotator who looks at it


@dataclass(frozen=True)
class Answer:
    """What one annotator said of one item.

    Attributes:
        item: the item's id.
        annotator: who.
        action: ``answer``, ``skip``, or ``retract``: what was said before no longer counts.
        answer: the label, a JSON value; None unless ``action`` is ``answer``.
        sureness: 1 a guess, 2 fairly sure, 3 sure; None where nobody said.
        note: free text.
        at: UTC ISO time.
        once: made by the client, at most 64 characters: a repeated post is one answer.
    """

    item: int
    annotator: str
    action: Action
    answer: Any
    sureness: int | None
    note: str
    at: str
    once: str


def next_item(records: Records, product: str, annotator: str, hold_seconds: float = HOLD_SECONDS) -> Item | None:
    """The open item that this annotator should answer next, kept for them for a while; None: nothing is left.

    What another annotator looks at now is left out, so that two never work at one row that needs one answer.
    """
    moment = now()
    with records.changing() as connection:
        query = (
            select(review_items)
            .where(_waiting(product, annotator, moment))
            .order_by(review_items.c.priority.desc(), review_items.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = connection.execute(query).first()
        if row is None:
            return None
        _hold(connection, row.id, annotator, hold_seconds)
        return as_item(row)


def answer(records: Records, given: Answer) -> Item:
    """Keep an answer; the item as it is after it. Returned after the commit.

    Raises:
        DataError: no such item.
        RecordsError: it could not be kept; nothing has changed.
    """
    return answer_all(records, [given])[0]


def answer_all(records: Records, given: Sequence[Answer]) -> list[Item]:
    """Keep several answers, all or none."""
    with records.changing() as connection:
        return [_keep(connection, one) for one in given]


def _keep(connection: Connection, given: Answer) -> Item:
    item = connection.execute(select(review_items).where(review_items.c.id == given.item).with_for_update()).first()
    if item is None:
        raise DataError("no such item in the queue", where={"item": given.item}, next_step="load the page again")
    repeated = select(review_answers.c.id).where(review_answers.c.once == given.once)
    if connection.execute(repeated).first() is None:
        values = {
            "item": given.item,
            "annotator": given.annotator,
            "action": given.action,
            "answer": compact(given.answer),
            "sureness": given.sureness,
            "note": compact(given.note),
            "at": given.at,
            "once": given.once,
        }
        connection.execute(insert(review_answers).values(values))
        _settle(connection, item)
    return as_item(connection.execute(select(review_items).where(review_items.c.id == given.item)).one())


def _settle(connection: Connection, item: Row[Any]) -> None:
    """Settled once enough annotators agree by majority; a tie asks for one more."""
    said = [
        compact(one.answer) for one in _votes(connection, review_answers.c.item == item.id) if one.action == "answer"
    ]
    state, wanted = item.state, int(item.wanted)
    ranked = Counter(said).most_common(2)
    if len(said) >= wanted or (item.state == "withdrawn" and said):
        tied = len(ranked) > 1 and ranked[0][1] == ranked[1][1] and not _is_number(ranked[0][0])
        state, wanted = ("open", len(said) + 1) if tied else ("settled", wanted)
    elif item.state == "settled":
        state = "open"
    free = {"state": state, "wanted": wanted, "held_by": None, "held_until": None}
    connection.execute(update(review_items).where(review_items.c.id == item.id).values(**free))


def _is_number(text: str) -> bool:
    """Numbers that differ are no tie: their median is taken. Whole numbers are classes too, but then floats are not."""
    return isinstance(json.loads(text), float)


def last_of(records: Records, product: str, annotator: str) -> Answer | None:
    """The newest answer or skip of an annotator that still counts: what an undo takes back."""
    chosen = and_(
        review_answers.c.annotator == annotator,
        review_answers.c.item.in_(select(review_items.c.id).where(review_items.c.product == product)),
    )
    with records.reading() as connection:
        found = [one for one in _votes(connection, chosen) if one.action != "retract"]
    return found[-1] if found else None


def item_for(records: Records, item: int, annotator: str, hold_seconds: float = HOLD_SECONDS) -> Item:
    """One item by its id, kept for this annotator for a while."""
    with records.changing() as connection:
        _hold(connection, item, annotator, hold_seconds)
        return as_item(connection.execute(select(review_items).where(review_items.c.id == item)).one())


def left_for(records: Records, product: str, annotator: str) -> tuple[int, int]:
    """How many open items this annotator has not answered or skipped, and how many they answered."""
    mine = and_(review_answers.c.annotator == annotator, review_items.c.product == product)
    with records.reading() as connection:
        waiting = and_(review_items.c.product == product, review_items.c.state == "open", ~_acted(annotator))
        left = connection.execute(select(func.count()).select_from(review_items).where(waiting)).scalar_one()
        done = select(review_answers).join(review_items, review_items.c.id == review_answers.c.item).where(mine)
        newest = {row.item: row.action for row in connection.execute(done.order_by(review_answers.c.id))}
    return int(left), sum(action == "answer" for action in newest.values())


def votes(records: Records, product: str, until: str = "9999") -> list[tuple[Item, list[Answer]]]:
    """Each answered item of a product with what counts of each annotator by a time (``at < until``), oldest first."""
    with records.reading() as connection:
        rows = connection.execute(select(review_items).where(review_items.c.product == product))
        items = {int(row.id): as_item(row) for row in rows}
        chosen = and_(
            review_answers.c.at < until,
            review_answers.c.item.in_(select(review_items.c.id).where(review_items.c.product == product)),
        )
        said: dict[int, list[Answer]] = {}
        for one in _votes(connection, chosen):
            if one.action == "answer":
                said.setdefault(one.item, []).append(one)
    return [(items[item], said[item]) for item in sorted(said)]


def history(records: Records, product: str) -> list[Answer]:
    """Every row of every annotator, oldest first: corrections and what they correct."""
    query = (
        select(review_answers)
        .join(review_items, review_items.c.id == review_answers.c.item)
        .where(review_items.c.product == product)
        .order_by(review_answers.c.id)
    )
    with records.reading() as connection:
        return [_as_answer(row) for row in connection.execute(query)]


def mark(records: Records, settled: Sequence[int], undecided: Sequence[int]) -> None:
    """States by another rule than the majority: these are settled, those ask for one more annotator."""
    with records.changing() as connection:
        for item in settled:
            connection.execute(update(review_items).where(review_items.c.id == item).values(state="settled"))
        for item in undecided:
            said = [one for one in _votes(connection, review_answers.c.item == item) if one.action == "answer"]
            again = {"state": "open", "wanted": len(said) + 1}
            connection.execute(update(review_items).where(review_items.c.id == item).values(**again))


def _votes(connection: Connection, chosen: ColumnElement[bool]) -> list[Answer]:
    """The newest row of each annotator and item among those chosen, oldest first."""
    newest = select(func.max(review_answers.c.id)).where(chosen)
    newest = newest.group_by(review_answers.c.item, review_answers.c.annotator)
    query = select(review_answers).where(review_answers.c.id.in_(newest)).order_by(review_answers.c.id)
    return [_as_answer(row) for row in connection.execute(query)]


def _waiting(product: str, annotator: str, moment: str) -> ColumnElement[bool]:
    held = review_items.c.held_by
    free = or_(held.is_(None), held == annotator, review_items.c.held_until < moment)
    return and_(review_items.c.product == product, review_items.c.state == "open", free, ~_acted(annotator))


def _acted(annotator: str) -> ColumnElement[bool]:
    """Whether this annotator's newest row on an item is an answer or a skip."""
    later = review_answers.alias("later")
    overtaken = exists().where(
        later.c.item == review_answers.c.item,
        later.c.annotator == review_answers.c.annotator,
        later.c.id > review_answers.c.id,
    )
    return exists().where(
        review_answers.c.item == review_items.c.id,
        review_answers.c.annotator == annotator,
        review_answers.c.action != "retract",
        ~overtaken,
    )


def _hold(connection: Connection, item: int, annotator: str, seconds: float) -> None:
    end = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    held = {"held_by": annotator, "held_until": end}
    connection.execute(update(review_items).where(review_items.c.id == item).values(**held))


def _as_answer(row: Row[Any]) -> Answer:
    return Answer(
        int(row.item),
        row.annotator,
        row.action,
        json.loads(row.answer),
        row.sureness,
        json.loads(row.note),
        row.at,
        row.once,
    )
