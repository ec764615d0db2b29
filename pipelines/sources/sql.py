"""The rows of a query. They change from day to day, so the snapshot holds a copy of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.blocks.sources import SqlSource
from pipelines.errors import SourceError
from pipelines.files import read_parquet, sha256_file, write_parquet
from pipelines.sources.base import Place, Rows, stale_pin
from pipelines.sources.tables import typed

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy.engine import URL

ROWS = "rows.parquet"
BATCH_ROWS = 50_000
READS = re.compile(r"^\s*(select|with|values|table)\b", re.IGNORECASE)


def pin(source: SqlSource, place: Place, as_of: date, folder: Path) -> dict[str, Any]:
    """Run the query and copy its rows to ``folder/rows.parquet``, in an order that depends on their values alone.

    ``:as_of`` in the query is bound to the day; a database promises no order, so rows are sorted by the id column,
    where there is one, and then by all others.

    Returns:
        ``{"kind", "rows", "sha256"}``: no address, so that a database that has moved changes nothing.

    Raises:
        SourceError: not a SELECT, no driver, unreachable (transient), refused, no rows, two columns of one name.
    """
    frame = _sorted(_rows(source, place, as_of), place)
    write_parquet(folder / ROWS, frame)
    return {"kind": "sql", "rows": len(frame), "sha256": sha256_file(folder / ROWS)}


def read(place: Place, pinned: dict[str, Any], folder: Path) -> Rows:
    """The copied rows."""
    path = folder / ROWS
    if not path.is_file() or sha256_file(path) != pinned.get("sha256"):
        raise stale_pin(place, f"{ROWS} is missing or was changed")
    return Rows(read_parquet(path), {"kind": "sql"}, licence="own data", attribution="")


def batches(source: SqlSource, place: Place, as_of: date) -> Iterator[pd.DataFrame]:
    """The rows of the query in the database's order, in pieces of ``BATCH_ROWS``, values as drivers give them made
    plain. Errors as :func:`pin`; no rows give no piece."""
    import pandas as pd
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

    if not READS.match(source.query):
        raise _error(place, "source.query is not a SELECT", "nothing but reading is done here; write one SELECT")
    url = _url(source, place)
    shown = url.render_as_string(hide_password=True)
    try:
        engine = create_engine(url)
    except (NoSuchModuleError, ImportError) as error:
        raise _error(
            place, f"no driver for this database: {error}", "install it into .venv, e.g. psycopg", shown
        ) from error
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            statement = text(source.query)
            values = {"as_of": as_of} if "as_of" in statement.compile().params else {}
            found = connection.execute(statement, values)
            names = [str(name) for name in found.keys()]  # noqa: SIM118 - a SQLAlchemy result, not a mapping
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise _error(place, f"two columns named {repeated[0]!r}", "rename one of them in the query", shown)
            for batch in found.partitions(BATCH_ROWS):
                yield pd.DataFrame(batch, columns=names, dtype=object).map(_plain)
    except OperationalError as error:
        told = str(error.orig).splitlines()[0]
        raise _error(place, f"the database cannot be asked: {told}", "see that it runs", shown, True) from error
    except (DBAPIError, SQLAlchemyError) as error:
        told = str(getattr(error, "orig", error)).splitlines()[0]
        raise _error(place, f"the query is refused: {told}", "mend source.query in params.yaml", shown) from error
    finally:
        engine.dispose()


def _rows(source: SqlSource, place: Place, as_of: date) -> pd.DataFrame:
    import pandas as pd

    parts = list(batches(source, place, as_of))
    if not parts:
        shown = _url(source, place).render_as_string(hide_password=True)
        raise _error(place, "the query gives no rows", "run it by hand; the last night's rows stay", shown)
    return typed(pd.concat(parts, ignore_index=True))


def _url(source: SqlSource, place: Place) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    given = source.url if source.url is not None else os.environ.get(str(source.url_from))
    if not given:
        raise _error(place, f"the environment variable {source.url_from} is not set", "set it to the database's URL")
    try:
        url = make_url(given)
    except ArgumentError as error:
        where = "source.url" if source.url is not None else source.url_from
        raise _error(place, f"{where} is not a database URL", "write it as driver://user@host/name") from error
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        path = place.root / url.database
        if not path.is_file():
            raise _error(place, "no such SQLite file", "a relative path starts at params.yaml", str(url.database))
        url = url.set(database=str(path))
    return url


def _plain(value: Any) -> Any:
    """What drivers give, as a value that a column of a file could hold."""
    from datetime import datetime
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def _sorted(frame: pd.DataFrame, place: Place) -> pd.DataFrame:
    first = [place.id] if place.id in frame.columns else []
    order = [*first, *sorted(str(name) for name in frame.columns if name != place.id)]
    return frame.sort_values(order, kind="stable", ignore_index=True)


def _error(
    place: Place, what: str, next_step: str, database: str | None = None, transient: bool = False
) -> SourceError:
    where = {"product": place.product, "source": "sql", "database": database}
    return SourceError(what, where=where, next_step=next_step, transient=transient)
