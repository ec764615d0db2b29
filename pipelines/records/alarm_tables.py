"""The tables of the watch: judged windows, alarms, and the retrainings they asked for."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint


def alarm_tables(metadata: MetaData) -> tuple[Table, Table, Table]:
    """``watch_windows``, ``alarms`` and ``retrains``. Times are UTC ISO 8601 texts with milliseconds."""
    windows = Table(
        "watch_windows",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("product", String(48), nullable=False),
        Column("version", String(64), nullable=False),  # the champion that was watched
        Column("since", String(32), nullable=False),
        Column("until", String(32), nullable=False),
        Column("rows", Integer, nullable=False),
        Column("status", String(16), nullable=False),  # steady | moved | alarm | unjudged
        Column("causes", JSON, nullable=False),  # {cause: {"kind", "effect", "limit", ...}} found in this window
        Column("numbers", JSON, nullable=False),  # estimates, measured, volume, ...
        UniqueConstraint("product", "until", name="one_window_per_end"),
    )
    alarms = Table(
        "alarms",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("product", String(48), nullable=False),
        Column("version", String(64), nullable=False),
        Column("cause", String(128), nullable=False),
        Column("open_key", String(192), unique=True),  # product and cause while open: one open alarm of each
        Column("first_seen", String(32), nullable=False),  # start of the first window that showed it
        Column("opened_at", String(32), nullable=False),  # end of the window that opened it
        Column("last_seen", String(32), nullable=False),
        Column("closed_at", String(32)),
        Column("closed_why", Text, nullable=False),
        Column("windows", Integer, nullable=False),  # that showed it
        Column("clear", Integer, nullable=False),  # windows in a row without it
        Column("mail", String(64)),  # end of the window whose mail told of it; None: silent, in the cooldown
        Column("numbers", JSON, nullable=False),  # of the window that showed it most
        Index("alarms_by_product", "product", "id"),
    )
    retrains = Table(
        "retrains",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("product", String(48), nullable=False),
        Column("asked_at", String(32), nullable=False),  # end of the window that asked
        Column("why", JSON, nullable=False),
        Column("told_by", String(250)),  # the run that emitted the event
        Index("retrains_by_product", "product", "id"),
    )
    return windows, alarms, retrains
