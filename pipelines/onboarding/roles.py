"""What each column is good for: id, feature, or nothing, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipelines.onboarding import dates
from pipelines.onboarding.facts import Facts
from pipelines.sources.local import BLANK

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["numeric", "categorical", "id", "target", "time", "group", "text", "treatment", "left out"]

ID_NAME = re.compile(
    r"(?:^|[_\s.-])(?:id|uid|uuid|guid|key|no|nr|num|number|ref|index|pk|rownum)$|(?<=[a-z])(?:Id|ID|Key|Nr|No)$"
    r"|^(?:id|uid|uuid|guid|index|column_1)|编号|序号|番号|流水号|身份证",
    re.IGNORECASE,
)
CODE_NAME = re.compile(
    r"(?:^|[_\s.-])(?:code|type|kind|class|category|cat|zip|plz|postal|postcode|zipcode|status|region|branch)(?:$|[_\s.-])"
    r"|代码|编码|类型|类别|邮编|状态",
    re.IGNORECASE,
)
PROTECTED_NAME = re.compile(
    r"(?:^|[_\s.-])(?:sex|gender|age|race|ethnicity|religion|nationality|marital|marriage|disability|education"
    r"|geschlecht|alter|sexe|genre)(?:$|[_\s.-])|性别|年龄|民族|婚姻|国籍|宗教|学历",
    re.IGNORECASE,
)
NEARLY_EMPTY = 0.99  # share missing from which a column is left out
NUMBERS = 0.98  # share of the present values that are numbers in a column of numbers
MOST_CATEGORIES = 200  # values with a code of their own, the default of prepare.max_categories
NAMES_ROWS = 0.5  # distinct values over rows, from which a text column names rows
OWN_MISSING = frozenset(
    {"?", "-", "--", ".", "..", "*", "#N/A", "#NV", "n.a.", "k.A.", "unknown", "missing", "无", "未知"}
)
FREE_TEXT = (20, 4)  # characters and words on average


@dataclass(frozen=True)
class Part:
    """One column's role and the reason; ``note`` is worth a line of its own."""

    role: Role
    why: str
    note: str = ""


def missing_words(facts: Mapping[str, Facts]) -> tuple[str, ...]:
    """Texts such as ``?`` that stand alone for missing in columns of numbers."""
    found: set[str] = set()
    for fact in facts.values():
        odd = set(fact.stray)
        if fact.numbers and odd and odd <= OWN_MISSING and fact.numbers + sum(fact.stray.values()) == fact.present:
            found |= odd
    return tuple(sorted(found))


def pick_id(facts: Mapping[str, Facts], taken: Sequence[str]) -> tuple[str | None, str]:
    """The column that names rows, and why: unique in all rows, and named like one or a running number."""
    unique = [fact for name, fact in facts.items() if name not in taken and fact.unique and not fact.missing]
    unique = [fact for fact in unique if fact.native != "date" and (fact.all_whole or not fact.numbers)]
    named = [fact for fact in unique if ID_NAME.search(fact.name)]
    running = [fact for fact in unique if fact.all_whole and fact.high - fact.low == fact.rows - 1]
    if named:
        more = f"; {', '.join(fact.name for fact in named[1:4])} would do as well" if len(named) > 1 else ""
        return named[0].name, f"unique in all {named[0].rows:,} rows, and its name says so{more}"
    if running:
        return running[0].name, f"a running number from {running[0].low:.0f} to {running[0].high:.0f}"
    return None, "no column is unique and named like an id: a row is known by its content"


def part_of(fact: Facts, sample: pd.Series, own: Sequence[str]) -> Part:
    """The role of a column that is neither target nor id.

    Args:
        fact: counts of all rows.
        sample: the column as read, some rows.
        own: texts that count as missing among numbers in this data.
    """
    known = sum(fact.stray.get(word, 0) for word in own) if fact.numbers else 0
    missing, present = fact.missing + known, fact.present - known
    if not present:
        return Part("left out", "no value at all")
    if missing >= NEARLY_EMPTY * fact.rows:
        return Part("left out", f"{missing / fact.rows:.1%} of the values are missing", "nearly empty")
    counted = _values(fact, own)
    if counted == 1 and not missing:
        return Part("left out", "one value only")
    if fact.native == "date":
        return Part("left out", "dates: no features are made of them", "date")
    if fact.native == "bool":
        return Part("numeric" if not fact.blank else "categorical", "true or false")
    texts = [value for value in sample if isinstance(value, str)]
    plain = fact.numbers == present and not dates.DATE_NAME.search(fact.name)
    if fact.native == "text" and not plain and (found := dates.find(fact.name, texts[:2000])):
        form = " or ".join(found.formats) or "ISO 8601"
        return Part("left out", f"dates ({form}): no features are made of them", "date")
    share = fact.numbers / present
    if share >= NUMBERS and not fact.coded:
        return _number(fact, present, counted)
    if fact.coded and share >= NUMBERS:
        return _category(fact, texts, counted, present, "digits with leading zeros are a code")
    if fact.numbers >= 0.5 * present:
        odd = ", ".join(repr(text) for text in list(fact.stray)[:3])
        told = f"{share:.0%} numbers, the rest words ({odd})"
        return _category(fact, texts, counted, present, told, note=f"mixed: {told}; read as categories")
    return _category(fact, texts, counted, present, "words")


def _values(fact: Facts, own: Sequence[str]) -> int | None:
    """Distinct values that are there, or None when there are too many to count."""
    if fact.counts is None:
        return None
    nothing = BLANK | set(own) if fact.numbers else {""}
    return sum(value not in nothing for value in fact.counts)


def _number(fact: Facts, present: int, counted: int | None) -> Part:
    stray = {text: rows for text, rows in fact.stray.items() if text not in OWN_MISSING}
    note = ""
    if fact.numbers < present:
        odd = ", ".join(repr(text) for text in list(stray or fact.stray)[:3])
        note = f"{present - fact.numbers:,} values are no numbers ({odd}): those rows go to quarantine"
    if fact.unique and fact.all_whole and fact.rows > 50 and ID_NAME.search(fact.name):
        return Part("left out", "unique whole numbers: they name rows", "id")
    if ID_NAME.search(fact.name) and fact.all_whole and (counted is None or counted > 50):
        return Part("left out", "its name says that it names something, not how much", "names")
    if CODE_NAME.search(fact.name) and fact.all_whole and counted is not None and 2 < counted <= MOST_CATEGORIES:
        return Part("categorical", f"{counted} whole numbers, and its name speaks of codes", note)
    amount = f"{counted}" if counted is not None else f"more than {fact.limit}"
    return Part("numeric", f"{amount} different numbers, {fact.low:g} to {fact.high:g}", note)


def _category(fact: Facts, texts: list[str], counted: int | None, present: int, why: str, note: str = "") -> Part:
    length = sum(map(len, texts)) / max(len(texts), 1)
    words = sum(len(text.split()) or 1 for text in texts) / max(len(texts), 1)
    wide = sum(not text.isascii() for text in texts) > 0.5 * len(texts)
    repeated = len(set(texts)) / max(len(texts), 1)
    many = counted is None or counted > MOST_CATEGORIES
    if (
        repeated > NAMES_ROWS
        and (length >= FREE_TEXT[0] and (words >= FREE_TEXT[1] or wide))
        and (many or counted == present)
    ):
        return Part("left out", f"free text, {length:.0f} characters on average", "text")
    amount = f"{counted} values" if counted is not None else f"more than {fact.limit} values"
    if fact.unique or (many and repeated > 0.9):
        return Part("left out", f"{amount} in {present:,} rows: they name rows, not kinds of rows", "id")
    if many:
        told = f"the {MOST_CATEGORIES} most frequent keep a code of their own"
        return Part("categorical", f"{amount}; {told}", note or f"{amount}: {told}, the rest count as other")
    return Part("categorical", f"{why}, {amount}" if why != "words" else amount, note)
