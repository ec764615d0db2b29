"""JSON files of a night's folder: on one machine files, between machines also rows of the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.files import canonical_json, read_json, write_text
from pipelines.layout import Layout
from pipelines.night.shared import is_shared
from pipelines.records.store import Records

PATIENCE_SECONDS = 120.0  # a night outlives a restart of its database


def night_records(layout: Layout) -> Records:
    """The records as a night opens them: it waits a while for a server that is away."""
    from pipelines.records.store import open_records

    return open_records(layout.records_url, patience_seconds=PATIENCE_SECONDS)


def write_note(layout: Layout, path: Path, value: object) -> None:
    """Write a JSON file below the nights' folder.

    Raises:
        RecordsError: between machines, when the records cannot be written.
    """
    text = canonical_json(value)
    write_text(path, text)
    if is_shared():
        from pipelines.records.shared import put_note

        night, inside = _place(layout, path)
        records = night_records(layout)
        try:
            put_note(records, night, inside, text)
        finally:
            records.close()


def read_note(layout: Layout, path: Path) -> Any | None:
    """The value of a JSON file below the nights' folder, whichever machine wrote it; None: nobody did."""
    if not is_shared():
        return read_json(path) if path.is_file() else None
    from pipelines.records.shared import note_of

    night, inside = _place(layout, path)
    records = night_records(layout)
    try:
        text = note_of(records, night, inside)
    finally:
        records.close()
    return None if text is None else json.loads(text)


def _place(layout: Layout, path: Path) -> tuple[str, str]:
    night, _, inside = path.relative_to(layout.nights).as_posix().partition("/")
    return night, inside
