"""One night after the other, also where Airflow would run two: a backfill counts apart from the DAG's own limit."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from pipelines.records.schema import night_days, turns
from pipelines.records.store import Records, now


def take_turn(records: Records, name: str, run_id: str, night: str, instead_of: str | None = None) -> str:
    """Take the turn of ``name`` if it is free, or still held by ``instead_of``, a run that is known to be gone.

    Returns:
        Whose turn it is now: ``run_id`` when it was taken.
    """
    with records.changing() as connection:
        holder = connection.execute(select(turns.c.run_id).where(turns.c.name == name).with_for_update()).scalar()
        if holder is None:
            connection.execute(insert(turns).values(name=name, run_id=run_id, night=night, at=now()))
            return run_id
        if str(holder) != run_id and holder == instead_of:
            change = update(turns).where(turns.c.name == name).values(run_id=run_id, night=night, at=now())
            connection.execute(change)
            return run_id
        return str(holder)


def give_turn(records: Records, name: str, run_id: str) -> None:
    """Let the next run have the turn; nothing when it is not this run's."""
    with records.changing() as connection:
        connection.execute(delete(turns).where(turns.c.name == name, turns.c.run_id == run_id))


def put_day(records: Records, night: str, as_of: str, code: str = "") -> None:
    """Say up to which day a night reads its sources, ``YYYY-MM-DD``, and with which commit it was planned."""
    with records.changing() as connection:
        connection.execute(delete(night_days).where(night_days.c.night == night))
        connection.execute(insert(night_days).values(night=night, as_of=as_of, code=code))


def day_of(records: Records, night: str | None) -> tuple[str, str] | None:
    """``(as_of, code)`` of a night, or None: it was never planned."""
    query = select(night_days.c.as_of, night_days.c.code).where(night_days.c.night == night)
    with records.reading() as connection:
        row = connection.execute(query).first()
    return (str(row.as_of), str(row.code)) if row else None
