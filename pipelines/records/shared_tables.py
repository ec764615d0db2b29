"""Tables of nights that machines share: lock entries, notes, where data lies, whose turn it is, each night's day."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, MetaData, String, Table, Text


def shared_tables(metadata: MetaData) -> tuple[Table, Table, Table, Table, Table]:
    """``lock_entries``, ``night_notes``, ``shared_paths``, ``turns`` and ``night_days``."""
    entries = Table(
        "lock_entries",
        metadata,
        Column("stage", String(160), primary_key=True),  # stage@instance
        Column("product", String(48), nullable=False),
        Column("night", String(64), nullable=False),  # that ran it last
        Column("entry", Text, nullable=False),  # its block of dvc.lock, as DVC writes it
        Column("made_from", JSON, nullable=False),  # {out of another stage: MD5} as this one read it
        Column("verdict", String(16), nullable=False),  # of the stage: passed | blocked | stood_aside; empty: none
        Column("at", String(32), nullable=False),
        Index("lock_entries_by_product", "product"),
    )
    notes = Table(
        "night_notes",
        metadata,
        Column("night", String(64), primary_key=True),
        Column("path", String(250), primary_key=True),  # below the night's folder
        Column("content", Text, nullable=False),  # JSON
        Column("at", String(32), nullable=False),
    )
    paths = Table(
        "shared_paths",
        metadata,
        Column("path", String(400), primary_key=True),  # below the state folder
        Column("object", String(64), nullable=False),  # its MD5 in the DVC remote; of a folder with .dir
        Column("night", String(64), nullable=False),
        Column("at", String(32), nullable=False),
    )
    turns = Table(
        "turns",
        metadata,
        Column("name", String(64), primary_key=True),  # the DAG
        Column("run_id", String(250), nullable=False),
        Column("night", String(64), nullable=False),  # of that run
        Column("at", String(32), nullable=False),
    )
    days = Table(
        "night_days",
        metadata,
        Column("night", String(64), primary_key=True),
        Column("as_of", String(10), nullable=False),  # YYYY-MM-DD
        Column("code", String(64), nullable=False),  # commit of the checkout that planned it; empty without git
    )
    return entries, notes, paths, turns, days
