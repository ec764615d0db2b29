"""The prediction log: every answered row, with what it was asked and which version answered.

It lies in a database of its own (``layout.log_url``): it is written thousands of times a second and forgotten by age,
which the registry is not.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, func, insert, not_, select, text

from pipelines.records.schema import feedback, predictions
from pipelines.records.store import Records

ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
DRAWS = 10_000
WRITTEN = ("request_id", "place", "product", "version", "at", "features", "answer", "client", "draw")
AT_ONCE = (
    f"INSERT INTO predictions ({', '.join(WRITTEN)}) "
    f"SELECT {', '.join(f'value ->> {place}' for place in range(len(WRITTEN)))} FROM json_each(:rows)"
)
"""All rows in one step of SQLite. The driver gives the interpreter away at every step, and the writer's thread waits to
get it back from a busy event loop: row by row a group of 16 takes milliseconds."""
CHUNK = 5_000
AT_A_TIME = 500
"""Old rows that are looked for at once, and that are deleted in one transaction: the service's writes wait for it."""


@dataclass(frozen=True)
class Logged:
    """One answered row.

    Attributes:
        request_id: names the answer.
        row: its place in the request, from 0.
        product: the product's name.
        version: the bundle's hash that answered.
        at: UTC ISO time with milliseconds.
        features: the row as it was sent, without the fields that are masked.
        answer: what was answered for it: score, decision, threshold, reasons, warnings.
        client: name of the API key, or None where none was asked for.
    """

    request_id: str
    row: int
    product: str
    version: str
    at: str
    features: dict[str, Any]
    answer: dict[str, Any]
    client: str | None = None


def append(log: Records, entries: Sequence[Logged]) -> None:
    """Keep these, all or none: one transaction.

    Raises:
        RecordsError: the log cannot be written, or a request id with this row is there already.
    """
    write(log, [as_values(entry) for entry in entries])


def as_values(entry: Logged) -> dict[str, Any]:
    """One entry as :func:`write` takes it.

    Raises:
        ValueError: it holds what is not JSON: NaN, infinity.
    """
    return {
        "request_id": entry.request_id,
        "place": entry.row,
        "product": entry.product,
        "version": entry.version,
        "at": entry.at,
        "features": compact(entry.features),
        "answer": compact(entry.answer),
        "client": entry.client,
        "draw": draw(entry.request_id),
    }


def write(log: Records, values: Sequence[Mapping[str, Any]]) -> None:
    """As :func:`append`, of what :func:`as_values` has made: the service makes it before it joins a group commit, so
    that nothing but the database can fail a group."""
    if not values:
        return
    if log.in_file:
        rows = compact([[row[name] for name in WRITTEN] for row in values])
        with log.driving() as driver:
            driver.execute(AT_ONCE, {"rows": rows})
        return
    with log.changing() as connection:
        connection.execute(insert(predictions), values)


def window(
    log: Records,
    product: str,
    since: str,
    until: str,
    *,
    version: str | None = None,
    limit: int | None = None,
    beyond: int | None = None,
    upto: int | None = None,
) -> list[Logged]:
    """Rows answered in ``since <= at < until`` (UTC ISO times), by time; the first ``limit`` of them.

    ``beyond`` and ``upto`` are marks (:func:`mark`): only rows that were written after the one and before the other.
    """
    query = select(predictions).where(_within(product, since, until, beyond, upto))
    if version is not None:
        query = query.where(predictions.c.version == version)
    return list(_read(log, query.order_by(predictions.c.at, predictions.c.id).limit(limit)))


def find(log: Records, product: str, request_id: str, row: int) -> Logged | None:
    """One answered row, or None where this product answered no such row or it is forgotten."""
    here = and_(predictions.c.request_id == request_id, predictions.c.place == row, predictions.c.product == product)
    return next(iter(list(_read(log, select(predictions).where(here)))), None)


def newest(log: Records, product: str, since: str, most: int) -> list[Logged]:
    """The last ``most`` rows answered at or after a UTC ISO time, newest first."""
    query = select(predictions).where(_within(product, since, "9999"))
    return list(_read(log, query.order_by(predictions.c.at.desc(), predictions.c.id.desc()).limit(most)))


def count(log: Records, product: str, since: str, until: str, *, upto: int | None = None) -> int:
    """How many rows were answered in ``since <= at < until``; ``upto`` as for :func:`window`."""
    with log.reading() as connection:
        query = select(func.count()).select_from(predictions).where(_within(product, since, until, None, upto))
        return int(connection.execute(query).scalar_one())


def mark(log: Records) -> int:
    """The number of the row written last, 0 for an empty log: every row with a smaller number is there to be read, and
    whatever is written later gets a larger one.

    SQLite has one writer at a time. PostgreSQL gives out numbers before it commits: for a moment no writer is let in,
    until those inside are done.
    """
    with log.reading() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE predictions IN SHARE MODE"))
        return int(connection.execute(select(func.max(predictions.c.id))).scalar() or 0)


def forget(log: Records, product: str, before: str) -> int:
    """Delete what was answered before a time, and the feedback on it: retention. How many predictions went."""
    return _delete(log, and_(predictions.c.product == product, predictions.c.at < before))


def thin(log: Records, product: str, before: str, keep: float) -> int:
    """Of what was answered before a time keep this share (0 to 1) of the requests, and all that have feedback.

    Which stay follows from the request id alone, so a second call with the same share deletes nothing more.
    """
    told = exists().where(feedback.c.request_id == predictions.c.request_id)
    old = and_(predictions.c.product == product, predictions.c.at < before)
    return _delete(log, and_(old, predictions.c.draw >= round(keep * DRAWS), not_(told)))


def draw(request_id: str) -> int:
    """A number from 0 to 9999 that follows from the request id."""
    return zlib.crc32(request_id.encode()) % DRAWS


def compact(value: Any) -> str:
    """JSON in ASCII without spaces: PostgreSQL keeps no NUL in a text, and escapes hold it."""
    return ENCODER.encode(value)


def logged(row: Row[Any]) -> Logged:
    """One row of the table as :class:`Logged`."""
    return Logged(
        row.request_id,
        row.place,
        row.product,
        row.version,
        row.at,
        json.loads(row.features),
        json.loads(row.answer),
        row.client,
    )


def _within(
    product: str, since: str, until: str, beyond: int | None = None, upto: int | None = None
) -> ColumnElement[bool]:
    found = and_(predictions.c.product == product, predictions.c.at >= since, predictions.c.at < until)
    found = found if beyond is None else and_(found, predictions.c.id > beyond)
    return found if upto is None else and_(found, predictions.c.id <= upto)


def _read(log: Records, query: Select[Any]) -> Iterator[Logged]:
    with log.reading() as connection:
        for row in connection.execute(query):
            yield logged(row)


def _delete(log: Records, chosen: ColumnElement[bool]) -> int:
    """Looked for without a lock, deleted in small transactions that look again: feedback may have come meanwhile."""
    gone, last = 0, 0
    found = select(predictions.c.id).where(chosen).order_by(predictions.c.id).limit(CHUNK)
    same = and_(feedback.c.request_id == predictions.c.request_id, feedback.c.place == predictions.c.place)
    while True:
        with log.reading() as connection:
            ids = list(connection.scalars(found.where(predictions.c.id > last)))
        for start in range(0, len(ids), AT_A_TIME):
            part = and_(predictions.c.id.in_(ids[start : start + AT_A_TIME]), chosen)
            with log.changing() as connection:
                connection.execute(delete(feedback).where(exists().where(and_(same, part))))
                gone += connection.execute(delete(predictions).where(part)).rowcount
        if len(ids) < CHUNK:
            return gone
        last = ids[-1]
