"""Which format the dates of a column are written in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
    "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%Y年%m月%d日",
    "%Y%m%d",
)  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S", " %I:%M %p", " %H:%M:%S.%f")
LOOKED_AT = 400  # distinct values
ENOUGH = 0.95  # share of the values that must be dates
MOST_FORMATS = 3
SHAPE = re.compile(r"(?=.*\d)[\w年月日 ,.:/+-]{6,35}")
ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
DATE_NAME = re.compile(
    r"(?:^|[^a-z])(?:date|datum|day|time|timestamp|month|created|updated|when|at|fecha)(?:$|[^a-z])|日期|时间|日時",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dates:
    """How a column's dates are written.

    Attributes:
        formats: strptime formats in the order in which they are tried; empty: ISO 8601 already.
        open: other formats that fit as well, day and month the other way round.
        share: of the distinct values that are dates.
    """

    formats: tuple[str, ...]
    open: tuple[str, ...] = ()
    share: float = 1.0


def find(name: str, values: Sequence[str]) -> Dates | None:
    """The dates of a column from some of its distinct values; None when it holds none.

    Eight digits count as a date only where the column's name speaks of one.
    """
    texts = list(dict.fromkeys(value.strip() for value in values if value.strip()))[:LOOKED_AT]
    shaped = [text for text in texts if SHAPE.fullmatch(text)]
    if not texts or len(shaped) < ENOUGH * len(texts):
        return None
    bare = all(text.isdigit() for text in texts)
    if bare and not (DATE_NAME.search(name) and all(len(t) == 8 and "1900" <= t[:4] <= "2100" for t in texts)):
        return None
    if not bare and all(re.fullmatch(r"[+-]?[\d.,]+", text) for text in texts) and not _dotted(texts):
        return None
    iso = [text for text in texts if ISO.fullmatch(text)]
    if len(iso) >= ENOUGH * len(texts) and _parsed(iso, "ISO8601").notna().mean() >= ENOUGH:
        return Dates((), share=len(iso) / len(texts))
    return _formats(texts, ("%Y%m%d",) if bare else DAYS)


def _dotted(texts: Sequence[str]) -> bool:
    return all(text.count(".") == 2 for text in texts)


def _formats(texts: Sequence[str], days: Sequence[str]) -> Dates | None:
    import pandas as pd

    tried = [day + time for time in TIMES for day in days if _could(day, time, texts)]
    fits = {form: _parsed(texts, form).notna() for form in tried}
    fits = {form: mask for form, mask in fits.items() if mask.any()}
    left = pd.Series(True, index=range(len(texts)))
    chosen: list[str] = []
    while fits and left.any() and len(chosen) < MOST_FORMATS:
        best = max(fits, key=lambda form: int((fits[form] & left).sum()))
        if not (fits[best] & left).any():
            break
        chosen.append(best)
        left &= ~fits[best]
    share = 1.0 - float(left.mean())
    if not chosen or share < ENOUGH:
        return None
    swapped = tuple(
        other for form in chosen for other in fits if other == _swapped(form) and fits[other].equals(fits[form])
    )
    return Dates(tuple(chosen), swapped, share)


def _could(day: str, time: str, texts: Sequence[str]) -> bool:
    """Whether a separator of the format occurs at all: most formats are ruled out without parsing."""
    head = texts[:50]
    sign = next((sign for sign in ("年", "/", ".", " ", "-") if sign in day), "")
    clock = any(":" in text for text in head) == bool(time) or any(":" not in text for text in head) == (not time)
    letter = any("T" in text for text in head) if time.startswith("T") else True
    return clock and letter and (not sign or any(sign in text for text in head))


def _swapped(form: str) -> str:
    return form.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def _parsed(texts: Sequence[str], form: str) -> pd.Series:
    import pandas as pd

    return pd.Series(pd.to_datetime(pd.Series(list(texts)), format=form, errors="coerce", utc=True))
