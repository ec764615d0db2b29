"""What the machines of one night tell each other: lock entries, notes, and under which hash data lies in the remote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, insert, select

from pipelines.records.schema import lock_entries, night_notes, shared_paths, turns
from pipelines.records.store import Records, now


@dataclass(frozen=True)
class LockEntry:
    """What the newest night's ``dvc.lock`` says about one stage instance.

    Attributes:
        stage: ``stage@instance``.
        night: that ran it.
        text: its block of ``dvc.lock``, as DVC writes it.
        made_from: ``{out of another stage: MD5}`` as this one read it; the path as in ``dvc.yaml``.
        verdict: of the stage; empty where it has none.
    """

    stage: str
    product: str
    night: str
    text: str
    made_from: Mapping[str, str] = field(default_factory=dict)
    verdict: str = ""


def put_entry(records: Records, entry: LockEntry) -> bool:
    """Take a stage's newest entry; False when it is another night's turn: the task was given up long ago, and lives."""
    with records.changing() as connection:
        if connection.execute(select(turns.c.name).where(turns.c.night != entry.night)).first() is not None:
            return False
        connection.execute(delete(lock_entries).where(lock_entries.c.stage == entry.stage))
        connection.execute(
            insert(lock_entries).values(
                stage=entry.stage,
                product=entry.product,
                night=entry.night,
                entry=entry.text,
                made_from=dict(entry.made_from),
                verdict=entry.verdict,
                at=now(),
            )
        )
    return True


def entries(records: Records, products: Iterable[str] | None = None) -> dict[str, LockEntry]:
    """``{stage@instance: entry}`` of some products, or of all."""
    query = select(lock_entries).order_by(lock_entries.c.stage)
    if products is not None:
        query = query.where(lock_entries.c.product.in_(list(products)))
    with records.reading() as connection:
        rows = connection.execute(query).all()
    return {
        str(row.stage): LockEntry(row.stage, row.product, row.night, row.entry, dict(row.made_from), row.verdict)
        for row in rows
    }


def forget_entries(records: Records, stages: Iterable[str]) -> None:
    """Their data is lost: the next night runs them again."""
    with records.changing() as connection:
        connection.execute(delete(lock_entries).where(lock_entries.c.stage.in_(list(stages))))


def put_note(records: Records, night: str, path: str, content: str) -> None:
    """Take a JSON file of a night's folder; the newest stands."""
    with records.changing() as connection:
        connection.execute(delete(night_notes).where(night_notes.c.night == night, night_notes.c.path == path))
        connection.execute(insert(night_notes).values(night=night, path=path, content=content, at=now()))


def note_of(records: Records, night: str, path: str) -> str | None:
    """A night's JSON file, or None."""
    query = select(night_notes.c.content).where(night_notes.c.night == night, night_notes.c.path == path)
    with records.reading() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else str(found)


def put_path(records: Records, path: str, md5: str, night: str) -> None:
    """Say under which hash a path of the state folder lies in the remote; the newest stands."""
    with records.changing() as connection:
        connection.execute(delete(shared_paths).where(shared_paths.c.path == path))
        connection.execute(insert(shared_paths).values(path=path, object=md5, night=night, at=now()))


def paths_below(records: Records, folder: str) -> dict[str, str]:
    """``{path: MD5}`` of a path of the state folder and of all that lies below it."""
    beneath = shared_paths.c.path.startswith(f"{folder}/", autoescape=True)
    query = select(shared_paths).where(beneath | (shared_paths.c.path == folder)).order_by(shared_paths.c.path)
    with records.reading() as connection:
        return {str(row.path): str(row.object) for row in connection.execute(query)}


def forget_nights(records: Records, staying: Iterable[str]) -> None:
    """Drop the notes of all other nights, and the hashes of their pages."""
    kept = list(staying)
    with records.changing() as connection:
        connection.execute(delete(night_notes).where(night_notes.c.night.not_in(kept)))
        pages = shared_paths.c.path.startswith("nights/")
        connection.execute(delete(shared_paths).where(pages, shared_paths.c.night.not_in(kept)))
