"""One database, SQLite by default, PostgreSQL by URL: opened, checked, and changed one transaction at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from pipelines.errors import RecordsError
from pipelines.records.schema import ADDED, SCHEMA_VERSION, metadata, schema_version

Synchronous = Literal["FULL", "NORMAL"]
WRITES = "nightshift_writes"
CREATION_LOCK = 724911  # PostgreSQL advisory lock: two processes must not create the tables at once


def now() -> str:
    """The present time, UTC, ISO 8601 with milliseconds, e.g. ``2026-11-07T02:00:00.000Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Kept:
    """A driver's connection that lives as long as the thread-local variable that holds it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def __del__(self) -> None:
        self.driver.close()


class Records:
    """An open records database; safe to use from several threads, one connection each.

    SQLite runs in WAL mode with foreign keys on: readers never wait, a writer waits up to ``busy_seconds``.
    """

    def __init__(
        self, url: str, busy_seconds: float = 10.0, synchronous: Synchronous = "FULL", patience_seconds: float = 0.0
    ) -> None:
        self.url = _parsed(url)
        self.place = self.url.render_as_string(hide_password=True)
        self.busy_seconds = busy_seconds
        self.patience_seconds = patience_seconds
        self.synchronous = synchronous
        self._ready = False
        self._opening = threading.Lock()
        self._own = threading.local()
        self._kept: weakref.WeakSet[_Kept] = weakref.WeakSet()
        self._engine = self._new_engine()

    def _new_engine(self) -> Engine:
        sqlite = self.url.get_backend_name() == "sqlite"
        arguments: dict[str, Any] = {"timeout": self.busy_seconds} if sqlite else _postgres(self.busy_seconds)
        try:
            engine = create_engine(self.url, connect_args=arguments, pool_pre_ping=not sqlite)
        except (NoSuchModuleError, ImportError) as error:
            raise RecordsError(
                f"no driver for this kind of database: {error}",
                where={"records": self.place},
                next_step="install the driver (postgresql+psycopg needs psycopg), or use SQLite",
            ) from error
        if sqlite:
            event.listen(engine, "connect", partial(_set_up_sqlite, self.synchronous))
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads: one consistent state.

        Raises:
            RecordsError: locked, unreachable, not a records database, or of another version.
        """
        with self._connection(writes=False) as connection:
            yield connection

    @contextlib.contextmanager
    def changing(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back on any exception. Errors as :meth:`reading`."""
        with self._connection(writes=True) as connection:
            yield connection

    @property
    def in_file(self) -> bool:
        """Whether this is a SQLite file, which several connections can open."""
        return self.url.get_backend_name() == "sqlite" and self.url.database not in (None, "", ":memory:")

    @contextlib.contextmanager
    def driving(self) -> Iterator[Any]:
        """A SQLite file: as :meth:`changing`, but the driver's own connection, which this thread keeps to the end.

        A short transaction takes a quarter of the time, and so a lone request waits less for its commit.
        """
        self._open()
        with self._translated():
            driver = self._kept_here()
            try:
                driver.execute("BEGIN IMMEDIATE")
                yield driver
                driver.execute("COMMIT")
            except BaseException as error:
                self._own.kept = None
                driver.close()  # rolls back
                if isinstance(error, sqlite3.Error):
                    kind = IntegrityError if isinstance(error, sqlite3.IntegrityError) else OperationalError
                    raise kind("", None, error) from error
                raise

    def _kept_here(self) -> Any:
        """This thread's own connection, outside the pool; it is closed when the thread ends."""
        kept: _Kept | None = getattr(self._own, "kept", None)
        if kept is None:
            with self._opening:
                fresh = self._engine.raw_connection()
                kept = _Kept(fresh.driver_connection)
                fresh.detach()
                self._kept.add(kept)
            self._own.kept = kept
        return kept.driver

    @contextlib.contextmanager
    def _connection(self, writes: bool) -> Iterator[Connection]:
        self._open()
        with (
            self._translated(),
            self._engine.connect().execution_options(**{WRITES: writes}) as connection,
            connection.begin(),
        ):
            yield connection

    def _open(self) -> None:
        if self.patience_seconds and self.url.get_backend_name() != "sqlite":
            self._wait_for_an_answer()
        if not self._ready:
            with self._opening, self._translated():
                self._prepare()

    def _wait_for_an_answer(self) -> None:
        """Until the server lets one in, or the patience is at its end: then the call itself says what is wrong."""
        until = time.monotonic() + self.patience_seconds
        while time.monotonic() < until:
            with contextlib.suppress(OperationalError), self._engine.connect():
                return
            time.sleep(1.0)

    def _prepare(self) -> None:
        if not self._ready:
            if self.in_file:
                Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
            found = self._found_version()
            if found is None or 1 <= found < SCHEMA_VERSION:
                found = self._create_or_upgrade()
            if found != SCHEMA_VERSION:
                raise self._other_version(found)
            self._ready = True

    def _found_version(self) -> int | None:
        with self._engine.connect() as connection, connection.begin():
            if not inspect(connection).has_table(schema_version.name):
                return None
            return connection.execute(select(schema_version.c.version)).scalar()

    def _create_or_upgrade(self) -> int:
        """All in one transaction, and looked at anew inside it: another process may have been quicker."""
        with self._engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            if self.url.get_backend_name() == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})")
            if not inspect(connection).has_table(schema_version.name):
                metadata.create_all(connection)
                connection.execute(insert(schema_version).values(id=1, version=SCHEMA_VERSION))
                return SCHEMA_VERSION
            found = int(connection.execute(select(schema_version.c.version)).scalar() or 0)
            if not 1 <= found < SCHEMA_VERSION:
                return found
            for version in range(found + 1, SCHEMA_VERSION + 1):
                metadata.create_all(connection, tables=ADDED[version])
            connection.execute(update(schema_version).values(version=SCHEMA_VERSION))
            return SCHEMA_VERSION

    def _other_version(self, found: int) -> RecordsError:
        newer = found > SCHEMA_VERSION
        return RecordsError(
            f"the records are of version {found}, this code reads version {SCHEMA_VERSION}",
            where={"records": self.place},
            next_step="update this checkout" if newer else "move the records aside, or use the code that wrote them",
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise RecordsError(
                f"the change does not fit what is recorded: {error.orig}",
                where={"records": self.place},
                next_step="look at `nightshift history`, then run this again",
            ) from error
        except DBAPIError as error:
            raise self._unreachable(error) from error
        except SQLAlchemyError as error:
            raise RecordsError(
                f"the records cannot be used: {error}",
                where={"records": self.place},
                next_step="see the message; nothing was changed",
            ) from error
        except OSError as error:
            raise RecordsError(
                f"the records' folder cannot be used: {error.strerror or error}",
                where={"records": self.place, "file": error.filename},
                next_step="mend the permissions of that folder or free disk space",
            ) from error

    def _unreachable(self, error: DBAPIError) -> RecordsError:
        message = str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
        if "locked" in message or "busy" in message:
            return RecordsError(
                "the records are locked by another process",
                where={"records": self.place, "waited_seconds": self.busy_seconds},
                next_step="try again; if it stays, end the process that holds the file",
                transient=True,
            )
        if "not a database" in message or "malformed" in message:
            return RecordsError(
                f"this file is not a records database: {message}",
                where={"records": self.place},
                next_step="move it aside and restore a copy",
            )
        return RecordsError(
            f"the records cannot be reached: {message}",
            where={"records": self.place},
            next_step="see that the database runs and NIGHTSHIFT_RECORDS_URL is right; nothing was changed",
            transient=True,
        )

    def close(self) -> None:
        """Close all connections."""
        with self._opening:
            for kept in list(self._kept):
                kept.driver.close()
        self._own = threading.local()
        self._engine.dispose()


def open_records(
    url: str, busy_seconds: float = 10.0, synchronous: Synchronous = "FULL", patience_seconds: float = 0.0
) -> Records:
    """The records at a SQLAlchemy URL; connects at the first use.

    Args:
        url: of SQLite or PostgreSQL.
        busy_seconds: how long a SQLite writer waits for another one, and a PostgreSQL client to be let in.
        synchronous: SQLite: ``FULL`` outlives a power cut; ``NORMAL`` outlives the death of every process, and a commit
            waits for no disk.
        patience_seconds: how long each transaction waits for a server that is away: a service must not, a night may.

    Raises:
        RecordsError: the URL cannot be read, or its driver is not installed.
    """
    return Records(url, busy_seconds, synchronous, patience_seconds)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise RecordsError(
            "the records' address is not a database URL",
            where={"variable": "NIGHTSHIFT_RECORDS_URL"},
            next_step="use e.g. sqlite:////folder/records.db or postgresql+psycopg://user@host/name",
        ) from error
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise RecordsError(
            f"the records cannot be kept in {backend}",
            where={"variable": "NIGHTSHIFT_RECORDS_URL"},
            next_step="use sqlite or postgresql",
        )
    return parsed


def _postgres(busy_seconds: float) -> dict[str, Any]:
    """libpq's settings: a server that lets nobody in, or a host that has gone silent, is an error after so long."""
    whole = max(2, round(busy_seconds))  # libpq counts whole seconds, from 2 on
    return {
        "connect_timeout": whole,
        "tcp_user_timeout": max(10, whole) * 1000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def _set_up_sqlite(synchronous: Synchronous, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(f"PRAGMA synchronous={synchronous}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
