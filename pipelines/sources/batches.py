"""A file read in pieces of a bounded size: the same rows and names as ``tables.read_raw``, never all at once."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from pipelines.errors import SourceError
from pipelines.sources.encodings import HEAD as HEAD_BYTES
from pipelines.sources.encodings import Guess, guess
from pipelines.sources.tables import HEAD, headers, sniff, table_format

if TYPE_CHECKING:
    import pandas as pd

CELLS = 1_000_000  # in one piece; a text cell takes about 60 bytes
MIN_ROWS = 200  # in one piece


@dataclass(frozen=True)
class Reading:
    """How one file is read.

    Attributes:
        path: the file.
        form: ``csv``, ``tsv``, ``jsonl`` or ``parquet``.
        encoding: of the text, and how it is known; None for Parquet.
        separator: between values; empty where the format has none.
        size: bytes on disk.
    """

    path: Path
    form: str
    encoding: Guess | None
    separator: str
    size: int


def open_reading(path: Path, kind: str = "auto", encoding: str | None = None, separator: str | None = None) -> Reading:
    """Look at the beginning of a file.

    Raises:
        SourceError: cannot be read, empty, of an unknown format.
    """
    form = kind if kind != "auto" else table_format(path.name)
    with _translated(path):
        size = path.stat().st_size
        if form == "parquet":
            return Reading(path, form, None, "", size)
        with open_stream(path) as stream:
            head = stream.read(HEAD_BYTES)
    if not head.strip():
        raise _error(path, "the file is empty", "put rows into the file, or give another one as --data")
    found = guess(head) if encoding is None else Guess(encoding, True, "given")
    if form != "csv" or separator:
        return Reading(path, form, found, separator or ("\t" if form == "tsv" else ""), size)
    text = head.decode(found.name, errors="ignore")[:HEAD]
    return Reading(path, form, found, sniff(text), size)


def batches(reading: Reading, cells: int = CELLS, more: int = 0) -> Iterator[pd.DataFrame]:
    """The rows in order, in pieces of about ``cells`` cells and ``more`` rows; text formats give columns of text.

    Separated values: a row that has too many is found unless a piece begins with it, which loses what is too many.

    Raises:
        SourceError: not of its format or encoding; names the line where known.
    """
    with _translated(reading.path):
        if reading.form == "parquet":
            yield from _parquet(reading, cells)
        elif reading.form == "jsonl":
            yield from _jsonl(reading, cells)
        else:
            yield from _separated(reading, cells, more)


def open_stream(path: Path) -> BinaryIO:
    """A file's bytes, unpacked where they are gzip."""
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def _text(reading: Reading) -> io.TextIOWrapper:
    assert reading.encoding is not None
    return io.TextIOWrapper(open_stream(reading.path), encoding=reading.encoding.name, newline="")


def _separated(reading: Reading, cells: int, more: int) -> Iterator[pd.DataFrame]:
    import pandas as pd

    with _text(reading) as stream:
        first = next(csv.reader(_lines(stream.read(HEAD)), delimiter=reading.separator))
    repeated = sorted({name for name in first if first.count(name) > 1})
    if repeated:
        raise _error(reading.path, f"two columns named {repeated[0]!r}", "rename one of them", line=1)
    rows = max(MIN_ROWS, cells // max(len(first), 1)) + more
    with (
        _text(reading) as stream,
        pd.read_csv(
            stream, sep=reading.separator, dtype=str, na_filter=False, index_col=False, engine="c", chunksize=rows
        ) as parts,
    ):
        for part in parts:
            part.columns = headers([str(name) for name in part.columns], reading.path.name)
            yield part.reset_index(drop=True)


def _lines(text: str) -> list[str]:
    return [line for line in re.split(r"\r\n|\r|\n", text, maxsplit=50)[:50] if line.strip()] or [""]


def _jsonl(reading: Reading, cells: int) -> Iterator[pd.DataFrame]:
    import json

    records: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    with _text(reading) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise _error(reading.path, f"not JSON: {error.msg}", "mend that line", line=number) from error
            if not isinstance(record, dict):
                raise _error(reading.path, "a line is not a JSON object", "write one {...} per line", line=number)
            names |= dict.fromkeys(map(str, record))
            records.append(record)
            if len(records) * len(names) >= cells:
                yield _frame(records, list(names), reading)
                records = []
    if records:
        yield _frame(records, list(names), reading)


def _frame(records: list[dict[str, Any]], names: list[str], reading: Reading) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    columns = {}
    for name in names:
        values = np.empty(len(records), dtype=object)
        values[:] = [record.get(name) for record in records]
        columns[name] = values
    frame = pd.DataFrame(columns)
    frame.columns = headers(names, reading.path.name)
    return frame


def _parquet(reading: Reading, cells: int) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(reading.path) as file:
            width = max(file.metadata.num_columns, 1)
            for batch in file.iter_batches(batch_size=max(MIN_ROWS, cells // width)):
                frame = pa.Table.from_batches([batch]).to_pandas(ignore_metadata=True, strings_to_categorical=False)
                frame.columns = headers([str(name) for name in frame.columns], reading.path.name)
                yield frame
    except pa.ArrowException as error:
        raise _error(reading.path, f"not a readable Parquet file ({error})", "write the file again") from error


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    import pandas as pd

    try:
        yield
    except UnicodeDecodeError as error:
        raise _error(
            path, f"not {error.encoding} text: {error.reason}", "name the encoding: --encoding, e.g. cp1252 or gb18030"
        ) from error
    except pd.errors.ParserError as error:
        told = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise _error(
            path, f"not a table: {told}", "mend that line; a value that holds the separator must be in quotes"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _error(path, f"damaged or truncated gzip ({error})", "get the file again from its origin") from error
    except OSError as error:
        raise _error(
            path, f"cannot be read: {error.strerror or error}", "check the path and its permissions"
        ) from error


def _error(path: Path, what: str, next_step: str, **where: object) -> SourceError:
    return SourceError(what, where={"file": path.name, **where}, next_step=next_step)
