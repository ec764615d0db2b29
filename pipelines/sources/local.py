"""Numbers, dates and words as people write them in files, in the one form that the rest of the project reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.sources import FileSource

if TYPE_CHECKING:
    import pandas as pd

GROUPS = {".": r"\.", ",": ",", "'": "['’]", " ": "[ \u00a0\u2009\u202f]"}
"""Thousands separator -> the characters that stand for it."""
BLANK = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})
MOSTLY = 0.5  # share of present values that must be numbers before a column's numbers are rewritten


@dataclass(frozen=True)
class Dialect:
    """How a file writes values; the defaults are what a program writes.

    Attributes:
        decimal: ``.`` or ``,``.
        thousands: one of ``GROUPS``, or nothing.
        missing: texts that count as missing among numbers, besides the usual ones.
        dates: column -> strptime formats, tried in order.
        spellings: column -> {text as written: text as meant}.
    """

    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] = ()
    dates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    spellings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether numbers need no rewriting."""
        return self.decimal == "." and not self.thousands and not self.missing

    @staticmethod
    def of(source: FileSource) -> Dialect:
        """As a source of ``params.yaml`` says."""
        return Dialect(source.decimal, source.thousands, source.missing, source.dates, source.spellings)


@cache
def number_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """Whole values that are numbers in this writing. Groups: sign, whole part, fraction, exponent.

    Leading zeros make a code, not a number, and are not matched, so that they stay.
    """
    point = re.escape(decimal)
    whole = r"(?:0|[1-9]\d*)"
    if thousands:
        whole = rf"(?:[1-9]\d{{0,2}}(?:{GROUPS[thousands]}\d{{3}})+|{whole})"
    zeros = r"|\.0{1,2}" if decimal == "," else ""  # 7.0 is how programs write a whole number, in any country
    return re.compile(rf"\s*([+-]?)({whole})(?:{point}(\d+){zeros})?((?:[eE][+-]?\d+)?)\s*")


def plain_number(text: str, decimal: str, thousands: str) -> str | None:
    """``1.234,50`` as ``1234.50``; None for what is no number in this writing."""
    found = number_pattern(decimal, thousands).fullmatch(text)
    if found is None:
        return None
    sign, whole, fraction, exponent = found.groups()
    digits = re.sub(r"\D", "", whole)
    return f"{'-' if sign == '-' else ''}{digits}{f'.{fraction}' if fraction else ''}{exponent}"


def plain_texts(texts: Iterable[Any], dialect: Dialect) -> Any:
    """A column of text ``[n]`` with its numbers in the plain form, where more than half of the values are numbers.

    What is no number stays as it is, for the contract to judge; the dialect's own words for missing become empty.
    """
    values = np.asarray(list(texts), dtype=object)
    if dialect.plain:
        return values
    missing = BLANK | set(dialect.missing)
    rewritten: dict[Any, Any] = {}
    numbers = present = 0
    for value in values:
        if value is None or value in missing:
            continue
        present += 1
        if value not in rewritten:
            rewritten[value] = plain_number(value, dialect.decimal, dialect.thousands)
        numbers += rewritten[value] is not None
    if numbers <= MOSTLY * present:
        return values
    empty = dict.fromkeys(dialect.missing, "")
    return np.array([empty.get(v, v) if (r := rewritten.get(v)) is None else r for v in values], dtype=object)


def localised(frame: pd.DataFrame, dialect: Dialect) -> pd.DataFrame:
    """A table of text with spellings, dates and numbers rewritten; columns that are not text stay."""
    import pandas as pd

    if dialect.plain and not dialect.dates and not dialect.spellings:
        return frame
    columns: dict[str, Any] = {}
    for name in frame.columns:
        values = frame[name].to_numpy(dtype=object) if frame[name].dtype == object else None
        if values is None:
            columns[name] = frame[name].to_numpy()
            continue
        if name in dialect.spellings:
            meant = dialect.spellings[name]
            values = np.array([meant.get(_said(v), v) if v is not None else v for v in values], dtype=object)
        if name in dialect.dates:
            values = plain_dates(values, dialect.dates[name])
        elif all(value is None or isinstance(value, str) for value in values):
            values = plain_texts(values, dialect)
        columns[name] = values
    return pd.DataFrame(columns, index=frame.index)


def _said(value: Any) -> str:
    return value.strip() if isinstance(value, str) else str(value)


def plain_dates(texts: Any, formats: Sequence[str]) -> Any:
    """Dates as ISO 8601 text ``[n]``, without the time where all are at midnight. What no format fits stays."""
    import pandas as pd

    values = pd.Series(np.asarray(texts, dtype=object))
    found = pd.Series(pd.NaT, index=values.index, dtype="datetime64[ns]")
    for form in formats:
        rest = found.isna() & values.notna()
        parsed = pd.to_datetime(values[rest], format=form, errors="coerce")
        if getattr(parsed.dt, "tz", None) is not None:
            parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
        found[rest] = parsed
    read = found.notna()
    whole = bool((found[read] == found[read].dt.normalize()).all())
    out = values.copy()
    out[read] = found[read].dt.strftime("%Y-%m-%d" if whole else "%Y-%m-%dT%H:%M:%S")
    return out.to_numpy(dtype=object)
