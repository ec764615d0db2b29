"""The review queue: what is asked of people. Answers to it are in ``review_answers``.

A row is asked once for what it holds: the same row with other content is another item. Nothing here deletes an item.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.records.predictions import compact
from pipelines.records.schema import review_answers, review_items
from pipelines.records.store import Records, now

Source = Literal["uncertain", "suspect", "low_confidence_production", "disagreement", "contradicting_feedback", "chat"]
Kind = Literal["row", "request", "chat"]
MODEL_CHOSEN = ("uncertain", "suspect", "low_confidence_production", "disagreement")
"""Sources that a newer model chooses anew: what it no longer chooses, and nobody has answered, is withdrawn."""


@dataclass(frozen=True)
class Ask:
    """One thing to ask a person.

    Attributes:
        product: the product's name.
        source: why it is asked, in one word.
        kind: ``row`` of the source, ``request`` of the prediction log, or ``chat``.
        key: names it: the row's key in the source, or ``request id:row``.
        shown: what the person sees, a JSON object.
        proposed: ``{"label": ..., "confidence": 0 to 1}``, best first; the confidence may be missing.
        given: the label that it carries now, or None.
        why: why it is asked, a sentence.
        similar: labelled cases like it: ``{"label", "text", "similarity"}``.
        priority: larger is asked sooner.
        wanted: annotators who should answer.
    """

    product: str
    source: Source
    kind: Kind
    key: str
    shown: dict[str, Any]
    proposed: Sequence[dict[str, Any]] = ()
    given: Any = None
    why: str = ""
    similar: Sequence[dict[str, Any]] = ()
    priority: float = 1.0
    wanted: int = 1

    @property
    def name(self) -> str:
        """64 hex digits that follow from kind, key and content."""
        text = json.dumps([self.kind, self.key, self.shown], sort_keys=True, ensure_ascii=True, allow_nan=False)
        return hashlib.blake2b(text.encode("ascii"), digest_size=32).hexdigest()


@dataclass(frozen=True)
class Item:
    """An :class:`Ask` as it is kept. ``state``: ``open``, ``settled`` (answered) or ``withdrawn`` (no longer asked).

    ``shown`` is empty once it is forgotten (:func:`forget`).
    """

    id: int
    product: str
    name: str
    kind: str
    key: str
    source: str
    why: str
    shown: dict[str, Any]
    proposed: list[dict[str, Any]]
    given: Any
    similar: list[dict[str, Any]]
    priority: float
    state: str
    wanted: int
    created_at: str


@dataclass(frozen=True)
class Filled:
    """What became of asks. ``added``: new or asked again; ``refreshed``: open already; ``known``: answered or skipped
    before; ``withdrawn``: open ones that are no longer asked."""

    added: int = 0
    refreshed: int = 0
    known: int = 0
    withdrawn: int = 0
    ids: tuple[int, ...] = field(default=(), repr=False)


def add_items(records: Records, asks: Sequence[Ask]) -> Filled:
    """Put these into the queue, in one transaction. What is answered or skipped already stays as it is."""
    if not asks:
        return Filled()
    with records.changing() as connection:
        return _add(connection, asks)


def replace_items(records: Records, product: str, asks: Sequence[Ask]) -> Filled:
    """As :func:`add_items`, and withdraw what a model chose before, does not choose now, and nobody touched.

    An item that somebody looks at now stays, and an answer to a withdrawn one still counts.
    """
    names = {ask.name for ask in asks}
    touched = exists().where(review_answers.c.item == review_items.c.id)
    open_ones = and_(
        review_items.c.product == product,
        review_items.c.state == "open",
        review_items.c.source.in_(MODEL_CHOSEN),
        ~touched,
        or_(review_items.c.held_until.is_(None), review_items.c.held_until < now()),
    )
    with records.changing() as connection:
        old = connection.execute(select(review_items.c.id, review_items.c.name).where(open_ones)).all()
        gone = [row.id for row in old if row.name not in names]
        for start in range(0, len(gone), 500):
            chosen = review_items.c.id.in_(gone[start : start + 500])
            connection.execute(update(review_items).where(chosen).values(state="withdrawn"))
        done = _add(connection, asks)
    return Filled(done.added, done.refreshed, done.known, len(gone), done.ids)


def _add(connection: Connection, asks: Sequence[Ask]) -> Filled:
    counts = {"added": 0, "refreshed": 0, "known": 0}
    ids: list[int] = []
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for ask in {(ask.product, ask.name): ask for ask in asks}.values():
        here = and_(review_items.c.product == ask.product, review_items.c.name == ask.name)
        old = connection.execute(select(review_items.c.id, review_items.c.state).where(here)).first()
        values = {
            "source": ask.source,
            "why": compact(ask.why),
            "proposed": compact(list(ask.proposed)),
            "given": compact(ask.given),
            "similar": compact(list(ask.similar)),
            "priority": float(ask.priority),
        }
        if old is None:
            fresh = {
                "product": ask.product,
                "name": ask.name,
                "kind": ask.kind,
                "key": compact(ask.key),
                "shown": compact(ask.shown),
                "state": "open",
                "wanted": ask.wanted,
                "created_at": now(),
            }
            made = connection.execute(
                dialect.insert(review_items)
                .values(**values, **fresh)
                .on_conflict_do_nothing()
                .returning(review_items.c.id)
            ).scalar()
            counts["known" if made is None else "added"] += 1  # None: another process was quicker
            ids += [] if made is None else [int(made)]
            continue
        answered = select(review_answers.c.id).where(review_answers.c.item == old.id)
        if old.state == "settled" or connection.execute(answered).first() is not None:
            counts["known"] += 1
            continue
        counts["refreshed" if old.state == "open" else "added"] += 1
        again = {"state": "open", "wanted": ask.wanted, "shown": compact(ask.shown)}
        connection.execute(update(review_items).where(review_items.c.id == old.id).values(**values, **again))
        ids.append(int(old.id))
    return Filled(**counts, ids=tuple(ids))


def known_names(records: Records, product: str) -> dict[str, set[str]]:
    """``{key: names}`` of the items that are settled, or that somebody answered or skipped: not to be asked again."""
    touched = exists().where(review_answers.c.item == review_items.c.id)
    chosen = and_(review_items.c.product == product, or_(review_items.c.state == "settled", touched))
    found: dict[str, set[str]] = {}
    with records.reading() as connection:
        for row in connection.execute(select(review_items.c.key, review_items.c.name).where(chosen)):
            found.setdefault(json.loads(row.key), set()).add(row.name)
    return found


def items_of(records: Records, product: str, ids: Collection[int] | None = None) -> list[Item]:
    """The items of a product, in the order in which they came; only these ids where given."""
    query = select(review_items).where(review_items.c.product == product).order_by(review_items.c.id)
    with records.reading() as connection:
        found = [as_item(row) for row in connection.execute(query)]
    return [item for item in found if ids is None or item.id in ids]


def counts(records: Records, product: str | None = None) -> dict[str, dict[str, int]]:
    """``{product: {state: items}}``."""
    query = select(review_items.c.product, review_items.c.state, func.count().label("n"))
    if product is not None:
        query = query.where(review_items.c.product == product)
    found: dict[str, dict[str, int]] = {}
    with records.reading() as connection:
        for row in connection.execute(query.group_by(review_items.c.product, review_items.c.state)):
            found.setdefault(row.product, {})[row.state] = int(row.n)
    return found


def forget(records: Records, product: str, before: str) -> int:
    """Empty what was shown of answered requests and chats that came before a time: retention. How many.

    Who answered what stays; an open one is withdrawn.
    """
    old = and_(
        review_items.c.product == product,
        review_items.c.kind != "row",
        review_items.c.created_at < before,
        review_items.c.shown != "null",
    )
    with records.changing() as connection:
        still_open = and_(old, review_items.c.state == "open")
        connection.execute(update(review_items).where(still_open).values(state="withdrawn"))
        empty = {"shown": "null", "proposed": "[]", "given": "null", "similar": "[]"}
        return int(connection.execute(update(review_items).where(old).values(**empty)).rowcount)


def as_item(row: Row[Any]) -> Item:
    """One row of the table as :class:`Item`."""
    return Item(
        int(row.id),
        row.product,
        row.name,
        row.kind,
        json.loads(row.key),
        row.source,
        json.loads(row.why),
        json.loads(row.shown) or {},
        json.loads(row.proposed),
        json.loads(row.given),
        json.loads(row.similar),
        float(row.priority),
        row.state,
        int(row.wanted),
        row.created_at,
    )
