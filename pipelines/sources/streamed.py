"""Large files of one's own into one Parquet file in bounded memory: the bytes are those of the plain way.

Two passes, piece by piece: the first finds each column's type over all rows, by the rules of :func:`tables.typed`, the
second writes. What these rules cannot decide piece by piece, and every error, is left to the plain way, which reads all
at once: so there is one place that says what is wrong with a file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.sources import FileSource
from pipelines.errors import SourceError
from pipelines.files import ROW_GROUP
from pipelines.sources.batches import CELLS, Reading, batches, open_reading, open_stream
from pipelines.sources.encodings import MARKS
from pipelines.sources.local import Dialect, localised
from pipelines.sources.tables import EXACT, MISSING, as_text, is_coded

if TYPE_CHECKING:
    import pandas as pd

LARGE = 32 << 20
"""Bytes of all files together from which on they are read in pieces."""
LEFT_TO_THE_PLAIN_WAY = (SourceError, Warning, ValueError, ArithmeticError, LookupError, RuntimeError, TypeError)
NUMBERS = {"int", "float"}
Keep = Callable[["pd.DataFrame"], "pd.DataFrame"]


class _UndecidedError(ValueError):
    """Only the whole column tells its type."""


@dataclass
class _Column:
    """What the pieces of one column hold. ``families``: ``int``, ``float``, ``bool``, ``time`` by their stored type;
    ``digits``, ``decimals``, ``text``, ``mixed`` (text for good), ``odd`` by what is written there."""

    families: set[str] = field(default_factory=set)
    missing: bool = False
    largest: float = 0.0
    time: Any = None

    def look(self, column: pd.Series) -> None:
        import pandas as pd

        kind = _stored(column)
        if kind is not None:
            self.families.add(kind)
            if kind == "time":
                if self.time not in (None, column.dtype):
                    raise _UndecidedError
                self.time = column.dtype
            return
        values = column.to_numpy(dtype=object)
        types = {type(value) for value in values}
        if types <= {bool}:
            self.families.add("bool")
            return
        texts = np.array([as_text(value) for value in values], dtype=object)
        if types & {bool, dict, list}:
            self.families.add("mixed")
            return
        absent = np.isin(texts, list(MISSING))
        present = texts[~absent].astype(str)
        self.missing = self.missing or bool(absent.any())
        if not len(present) or "text" in self.families:
            return
        numbers = None if is_coded(present) else pd.to_numeric(pd.Series(present), errors="coerce")
        if numbers is None or numbers.isna().any():
            self.families.add("text")
            return
        self.families.add({"i": "digits", "f": "decimals"}.get(numbers.dtype.kind, "odd"))
        size = numbers[np.isfinite(numbers)].abs()
        self.largest = max(self.largest, float(size.max())) if len(size) else self.largest

    def type(self) -> str:
        """``int``, ``float``, ``bool``, ``time`` or ``text``."""
        found = self.families
        if found <= {"int", "float"} and found:
            return "float" if "float" in found or self.missing else "int"
        if found in ({"bool"}, {"time"}) and not self.missing:
            return next(iter(found))
        if found & {"int", "float", "time"}:
            raise _UndecidedError
        if found & {"mixed", "text", "bool"}:
            return "text"
        if "odd" in found or ("decimals" in found and self.largest > EXACT):
            raise _UndecidedError  # a whole number that no float holds is rounded by what stands before it
        if found == {"digits"} and (not self.missing or self.largest > EXACT):
            return "text" if self.missing else "int"
        return "float"


def write_streamed(path: Path, source: FileSource, files: Sequence[Path], keep: Keep) -> int | None:
    """Write the rows of these files; how many, or None where the plain way must do it.

    Args:
        keep: rows of a typed piece that stay, by their values alone.

    Raises:
        SourceError: a file has changed while it was read.
    """
    import pandas as pd

    before = [_state(file) for file in files]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            rows = _write(path, source, files, keep)
    except LEFT_TO_THE_PLAIN_WAY:
        rows = None
    if before != [_state(file) for file in files]:
        raise SourceError(
            "a file has changed while it was read",
            where={"file": source.path},
            next_step="write it under another name and rename it when it is whole; then run this again",
            transient=True,
        )
    return rows


def _write(path: Path, source: FileSource, files: Sequence[Path], keep: Keep) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    readings = [_reading(source, file) for file in files]
    dialect = Dialect.of(source)
    if not dialect.plain or dialect.dates or any(reading.form == "jsonl" for reading in readings):
        raise _UndecidedError
    if len(readings) > 1 and any(reading.form == "parquet" for reading in readings):
        raise _UndecidedError
    columns: dict[str, _Column] = {}
    for piece in _pieces(readings, dialect, 0):
        for name in piece.columns:
            columns.setdefault(str(name), _Column()).look(piece[name])
    types = {name: column.type() for name, column in columns.items()}
    schema = pa.schema([(name, _arrow(kind, columns[name].time)) for name, kind in types.items()])
    written = set[str]()
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", store_schema=True) as writer:
        for table in _groups(_tables(readings, dialect, types, keep, schema)):
            writer.write_table(table, row_group_size=ROW_GROUP)
            rows += len(table)
            written |= {name for name in types if table[name].null_count < len(table)}
    if any(kind == "text" and name not in written for name, kind in types.items()):
        raise _UndecidedError  # a column of nothing has no type of its own in the plain way
    return rows


def _reading(source: FileSource, file: Path) -> Reading:
    """As the plain way decodes: a mark, the named encoding, or UTF-8; nothing is guessed."""
    looked = open_reading(file, source.format, "utf-8", source.separator or "?")
    if looked.form == "parquet":
        return looked
    encoding = next((name for mark, name in MARKS if _head(file).startswith(mark)), None) or source.encoding
    return open_reading(file, source.format, encoding or "utf-8-sig", source.separator)


def _head(file: Path) -> bytes:
    with open_stream(file) as stream:
        return stream.read(8)


def _pieces(readings: Sequence[Reading], dialect: Dialect, more: int) -> Iterator[pd.DataFrame]:
    """The second pass has pieces of one row more: what is the first row of a piece there, was not in the first pass."""
    names: list[str] | None = None
    for reading in readings:
        for piece in batches(reading, CELLS, more):
            names = names or list(piece.columns)
            if set(names) != set(piece.columns):
                raise _UndecidedError
            yield localised(piece[names], dialect)


def _tables(
    readings: Sequence[Reading], dialect: Dialect, types: dict[str, str], keep: Keep, schema: Any
) -> Iterator[Any]:
    import pandas as pd
    import pyarrow as pa

    for piece in _pieces(readings, dialect, 1):
        typed = pd.DataFrame(
            {name: _typed(piece[name], kind) for name, kind in types.items()}, index=pd.RangeIndex(len(piece))
        )
        table = pa.Table.from_pandas(keep(typed), schema=schema, preserve_index=False)
        yield table.replace_schema_metadata(None)


def _groups(tables: Iterator[Any]) -> Iterator[Any]:
    """The same rows in whole row groups, each column of a group in one piece."""
    import pyarrow as pa

    waiting: list[Any] = []
    size = 0
    for table in tables:
        waiting.append(table)
        size += len(table)
        while size >= ROW_GROUP:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, ROW_GROUP).combine_chunks()
            waiting, size = [whole.slice(ROW_GROUP)], size - ROW_GROUP
    if size:
        yield pa.concat_tables(waiting).combine_chunks()


def _typed(column: pd.Series, kind: str) -> Any:
    import pandas as pd

    stored = _stored(column)
    if stored == "time" or (stored in NUMBERS | {"bool"} and stored == kind):
        return column.astype({"int": np.int64, "float": np.float64}.get(kind, column.dtype)).to_numpy()
    if stored in NUMBERS:
        return column.to_numpy(np.float64)
    if kind == "bool":
        return column.to_numpy(dtype=bool)
    texts = np.array([as_text(value) for value in column.to_numpy(dtype=object)], dtype=object)
    if kind == "text":
        texts[texts == ""] = None
        return texts
    if kind == "int":
        return pd.to_numeric(pd.Series(texts.astype(str))).to_numpy(np.int64)
    absent = np.isin(texts, list(MISSING))
    out = np.full(len(texts), np.nan)
    out[~absent] = pd.to_numeric(pd.Series(texts[~absent].astype(str))).to_numpy(np.float64)
    return out


def _stored(column: pd.Series) -> str | None:
    """What a column's own type says; None for objects, whose values must be looked at."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        raise _UndecidedError
    if pd.api.types.is_bool_dtype(column.dtype) and column.dtype != object:
        return "bool"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "time"
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu" and column.dtype != np.uint64:
        return "int"
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        return "float"
    return None


def _arrow(kind: str, time: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    if kind == "time":
        return pa.Array.from_pandas(pd.Series([], dtype=time)).type
    return {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "text": pa.string()}[kind]


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns
