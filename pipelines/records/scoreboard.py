"""Nights and how each lane ended: the scoreboard, and how a night knows that nothing has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select, update

from pipelines.errors import RecordsError
from pipelines.records.schema import lanes, nights
from pipelines.records.store import Records, now

NightStatus = Literal["running", "passed", "failed"]
LaneStatus = Literal["passed", "blocked", "failed", "unchanged"]


@dataclass(frozen=True)
class Night:
    """One run of the nightly pipeline; times are UTC ISO."""

    night: str
    started_at: str
    ended_at: str | None
    status: NightStatus


@dataclass(frozen=True)
class Lane:
    """How one product fared in one night.

    Attributes:
        message: why it did not pass and what to do next; empty when it passed.
        metric: ``{"name", "value", "low", "high"}`` of the key metric, or None.
        numbers: rows, quarantined rows, chosen model, gate verdicts: what the scoreboard shows.
        durations: seconds per step.
        package_digest: the bundle's hash, or None when the lane made none.
        ended_at: UTC ISO time, filled in when it is recorded.
    """

    night: str
    product: str
    status: LaneStatus
    message: str = ""
    metric: Mapping[str, Any] | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    durations: Mapping[str, float] = field(default_factory=dict)
    package_digest: str | None = None
    ended_at: str = ""


def start_night(records: Records, night: str) -> Night:
    """Record that a night runs. A night that is started again (a retry) forgets how it ended, and keeps its lanes."""
    with records.changing() as connection:
        row = connection.execute(select(nights).where(nights.c.night == night)).first()
        if row is None:
            started = now()
            connection.execute(insert(nights).values(night=night, started_at=started, status="running"))
        else:
            started = row._mapping["started_at"]
            connection.execute(update(nights).where(nights.c.night == night).values(status="running", ended_at=None))
    return Night(night, started, None, "running")


def end_night(records: Records, night: str, status: NightStatus) -> None:
    """Record how a night ended.

    Raises:
        RecordsError: the night was never started.
    """
    with records.changing() as connection:
        change = update(nights).where(nights.c.night == night).values(status=status, ended_at=now())
        changed = connection.execute(change)
        if not changed.rowcount:
            raise _no_night(night)


def put_lane(records: Records, lane: Lane) -> Lane:
    """Record how a lane ended; a lane that ran again in the same night replaces its earlier row.

    Raises:
        RecordsError: the night was never started.
    """
    ended = lane.ended_at or now()
    with records.changing() as connection:
        last = connection.execute(select(func.max(lanes.c.ended_at)).where(lanes.c.product == lane.product)).scalar()
        if not lane.ended_at and last is not None and str(last) >= ended:  # the clock was put back: order is kept
            ended = _after(str(last))
        if connection.execute(select(nights.c.night).where(nights.c.night == lane.night)).first() is None:
            raise _no_night(lane.night)
        connection.execute(delete(lanes).where(lanes.c.night == lane.night, lanes.c.product == lane.product))
        connection.execute(
            insert(lanes).values(
                night=lane.night,
                product=lane.product,
                ended_at=ended,
                status=lane.status,
                message=lane.message,
                metric=dict(lane.metric) if lane.metric is not None else None,
                numbers=dict(lane.numbers),
                durations=dict(lane.durations),
                package_digest=lane.package_digest,
            )
        )
    return Lane(**{**lane.__dict__, "ended_at": ended})


def _after(moment: str) -> str:
    """A millisecond later."""
    later = datetime.fromisoformat(moment) + timedelta(milliseconds=1)
    return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_night(records: Records, night: str) -> Night | None:
    """One night, or None."""
    with records.reading() as connection:
        row = connection.execute(select(nights).where(nights.c.night == night)).first()
    return Night(**row._mapping) if row else None


def latest_nights(records: Records, limit: int = 10) -> list[Night]:
    """The last nights, newest first."""
    query = select(nights).order_by(nights.c.started_at.desc(), nights.c.night.desc()).limit(limit)
    with records.reading() as connection:
        return [Night(**row._mapping) for row in connection.execute(query)]


def night_lanes(records: Records, night: str) -> list[Lane]:
    """Every lane of a night, by product."""
    query = select(lanes).where(lanes.c.night == night).order_by(lanes.c.product)
    with records.reading() as connection:
        return [Lane(**row._mapping) for row in connection.execute(query)]


def last_lane(records: Records, product: str, status: LaneStatus | None = None) -> Lane | None:
    """The newest lane of a product (with ``status`` only one that ended so), or None."""
    query = select(lanes).where(lanes.c.product == product)
    if status is not None:
        query = query.where(lanes.c.status == status)
    query = query.order_by(lanes.c.ended_at.desc(), lanes.c.night.desc()).limit(1)
    with records.reading() as connection:
        row = connection.execute(query).first()
    return Lane(**row._mapping) if row else None


def lanes_of(records: Records, product: str, limit: int = 30) -> list[Lane]:
    """The last lanes of a product, newest first."""
    query = select(lanes).where(lanes.c.product == product)
    query = query.order_by(lanes.c.ended_at.desc(), lanes.c.night.desc()).limit(limit)
    with records.reading() as connection:
        return [Lane(**row._mapping) for row in connection.execute(query)]


def _no_night(night: str) -> RecordsError:
    return RecordsError(
        "this night was never started", where={"night": night}, next_step="start it with start_night first"
    )
