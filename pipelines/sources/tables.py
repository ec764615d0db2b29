"""CSV, TSV, JSONL and Parquet, plain or gzip, as data frames that keep every value and fit Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import unicodedata
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import SourceError
from pipelines.sources.encodings import HEAD as HEAD_BYTES
from pipelines.sources.encodings import MARKS, guess

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})
"""Texts that count as missing in a column whose other values are numbers. In a column of text only ``""`` does."""
HEAD = 1 << 18  # characters looked at to find the separator
EXACT = 2.0**53  # larger integers are not exact as float64


def read_table(path: Path, *, name: str | None = None, kind: str = "auto", product: str = "") -> pd.DataFrame:
    """One file as a data frame, values typed by :func:`typed`.

    Args:
        name: the file's own name where ``path`` is a cache entry; gives the format and is named in errors.
        kind: ``auto`` (by the name's ending), ``csv``, ``tsv``, ``jsonl`` or ``parquet``.

    Raises:
        SourceError: empty, truncated, undecodable, or not of its format; names the line where known.
    """
    return typed(read_raw(path, name=name, kind=kind, product=product))


def read_raw(
    path: Path,
    *,
    name: str | None = None,
    kind: str = "auto",
    product: str = "",
    encoding: str | None = None,
    separator: str | None = None,
) -> pd.DataFrame:
    """As :func:`read_table`, but text formats give columns of text, so that several files can be joined first.

    ``encoding``: None means UTF-8, or what a byte order mark says. ``separator``: None means the one that fits.
    """
    shown = name or path.name
    reader = _Reader(shown, product)
    form = kind if kind != "auto" else _format(shown, reader)
    content = reader.unpacked(path)
    if not content.strip():
        raise reader.error("the file is empty", "put rows into the file, or take it out of source.path")
    if form == "parquet":
        frame = reader.parquet(content)
    elif form == "jsonl":
        frame = reader.jsonl(reader.text(content, encoding))
    else:
        frame = reader.separated(reader.text(content, encoding), separator or ("\t" if form == "tsv" else None))
    frame.columns = _headers([str(column) for column in frame.columns], reader)
    return frame


def _format(name: str, reader: _Reader) -> str:
    endings = {".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv"}
    endings |= {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
    suffix = Path(name.removesuffix(".gz")).suffix.lower()
    if suffix not in endings:
        raise reader.error(f"unknown file ending {suffix!r}", "set source.format to csv, tsv, jsonl or parquet")
    return endings[suffix]


class _Reader:
    """Readers of one file; every error names it."""

    def __init__(self, name: str, product: str) -> None:
        self.name = name
        self.product = product

    def error(self, what: str, next_step: str, **where: object) -> SourceError:
        return SourceError(
            what, where={"product": self.product or None, "file": self.name, **where}, next_step=next_step
        )

    def unpacked(self, path: Path) -> bytes:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise self.error(
                f"cannot be read: {error.strerror or error}", "check the path and its permissions"
            ) from error
        if not content.startswith(b"\x1f\x8b"):
            return content
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise self.error(f"damaged or truncated gzip ({error})", "get the file again from its origin") from error

    def text(self, content: bytes, encoding: str | None = None) -> str:
        marked = next((name for mark, name in MARKS if content.startswith(mark)), None)
        encoding = marked or encoding or "utf-8-sig"
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            found = guess(content[:HEAD_BYTES])
            likely = f" {found.name}, as it seems ({found.example})" if not found.sure else ""
            raise self.error(
                f"not {encoding} text",
                f"name its encoding as source.encoding in params.yaml:{likely}, or save the file as UTF-8",
                line=line,
                byte=error.start,
            ) from error

    def separated(self, text: str, separator: str | None) -> pd.DataFrame:
        import pandas as pd

        separator = separator or sniff(text[:HEAD])
        first = [line for line in re.split(r"\r\n|\r|\n", text[:HEAD], maxsplit=50) if line.strip()][:1]
        header = next(csv.reader(first, delimiter=separator))
        repeated = sorted({name for name in header if header.count(name) > 1})
        if repeated:
            raise self.error(f"two columns named {repeated[0]!r}", "rename one of them", line=1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return pd.read_csv(
                    io.StringIO(text), sep=separator, dtype=str, na_filter=False, index_col=False, engine="c"
                )
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            told = str(error).removeprefix("Error tokenizing data. C error: ").strip()
            if isinstance(error, pd.errors.ParserWarning):
                told = f"every row has more values than the header has names ({len(header)})"
            raise self.error(
                f"not a table: {told}", "mend that line; a value that holds the separator must be in quotes"
            ) from error

    def jsonl(self, text: str) -> pd.DataFrame:
        import pandas as pd

        records: list[dict[str, Any]] = []
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise self.error(f"not JSON: {error.msg}", "mend that line", line=number) from error
            if not isinstance(record, dict):
                raise self.error("a line is not a JSON object", "write one {...} per line", line=number)
            records.append(record)
        names = list(dict.fromkeys(key for record in records for key in record))
        return pd.DataFrame({key: pd.Series([r.get(key) for r in records], dtype=object) for key in names})

    def parquet(self, content: bytes) -> pd.DataFrame:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(content))
        except (pa.ArrowException, OSError) as error:
            raise self.error(f"not a readable Parquet file ({error})", "write the file again") from error
        return table.to_pandas(ignore_metadata=True, strings_to_categorical=False)


def headers(names: list[str], name: str) -> list[str]:
    """The names of a table's columns as the project knows them; ``name`` is the file's, for errors."""
    return _headers(names, _Reader(name, ""))


def table_format(name: str) -> str:
    """``csv``, ``tsv``, ``jsonl`` or ``parquet`` by the ending of a file's name. Raises SourceError for another."""
    return _format(name, _Reader(name, ""))


def sniff(text: str) -> str:
    """The separator of the beginning of a text."""
    return _sniff([line for line in re.split(r"\r\n|\r|\n", text, maxsplit=50)[:50] if line.strip()])


def _headers(names: list[str], reader: _Reader) -> list[str]:
    """Composed Unicode (NFC), no blanks around; a nameless column becomes ``column_<n>``, counted from 1."""
    clean = [unicodedata.normalize("NFC", name).strip() for name in names]
    clean = [
        f"column_{index}" if not name or name.startswith("Unnamed: ") else name for index, name in enumerate(clean, 1)
    ]
    repeated = sorted({name for name in clean if clean.count(name) > 1})
    if repeated:
        raise reader.error(f"two columns named {repeated[0]!r}", "rename one of them", line=1)
    return clean


def _sniff(lines: list[str]) -> str:
    """The separator that cuts the header, and as many of the first lines as possible, into equally many parts."""

    def fit(separator: str) -> tuple[bool, int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        same = sum(count == counts[0] for count in counts)
        return counts[0] > 1, same, counts[0]

    return max(SEPARATORS, key=fit)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column as one Parquet type, no value lost: int64, float64 (NaN where missing, infinity kept), bool,
    timestamps as they are, everything else text. One stray word in a column of numbers makes all of it text."""
    import pandas as pd

    return pd.DataFrame({name: _typed(frame[name]) for name in frame.columns}, index=pd.RangeIndex(len(frame)))


def _typed(column: pd.Series) -> pd.Series:
    import numpy as np
    import pandas as pd

    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    if pd.api.types.is_integer_dtype(column.dtype) and column.dtype.kind in "iu" and column.dtype != np.uint64:
        return column.astype(np.int64)
    if pd.api.types.is_float_dtype(column.dtype):
        return column.astype(np.float64)
    values = column.to_numpy(dtype=object)
    kinds = {type(value) for value in values}
    if kinds <= {bool}:
        return column.astype(bool)
    texts = np.array([as_text(value) for value in values], dtype=object)
    return pd.Series(_numbers(texts) if not kinds & {bool, dict, list} else _strings(texts), name=column.name)


def as_text(value: object) -> str:
    """One value of a column of mixed types as text; empty where missing."""
    if value is None:
        return ""
    if isinstance(value, float) and value != value:
        return "NaN"
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def _numbers(texts: Any) -> Any:
    import numpy as np
    import pandas as pd

    missing = np.isin(texts, list(MISSING))
    present = texts[~missing].astype(str)
    if not len(present):
        return np.full(len(texts), np.nan)
    numbers = pd.to_numeric(pd.Series(present), errors="coerce") if not is_coded(present) else None
    if numbers is None or numbers.isna().any() or numbers.dtype.kind not in "if":
        return _strings(texts)
    if numbers.dtype.kind == "i" and not missing.any():
        return numbers.to_numpy(np.int64)
    if numbers.dtype.kind == "i" and numbers.abs().max() > EXACT:
        return _strings(texts)
    out = np.full(len(texts), np.nan)
    out[~missing] = numbers.to_numpy(np.float64)
    return out


def is_coded(present: Any) -> bool:
    """Whether one of these texts has digits with a leading zero: a code, whose zeros must stay."""
    import numpy as np

    bare = np.char.lstrip(np.char.strip(present), "+-")
    return bool((np.char.startswith(bare, "0") & np.char.isdigit(bare) & (np.char.str_len(bare) > 1)).any())


def _strings(texts: Any) -> Any:
    import numpy as np

    return np.where(texts == "", None, texts)
