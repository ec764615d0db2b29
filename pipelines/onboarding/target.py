"""What kind of question the target column asks: yes or no, one of several classes, or how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pipelines.errors import DataError
from pipelines.onboarding.asking import Asker
from pipelines.onboarding.facts import Facts
from pipelines.problems.common.targets import MAX_CLASSES
from pipelines.sources.local import BLANK, Dialect, plain_number

YES = frozenset(
    {"yes", "y", "true", "t", "1", "1.0", "ja", "j", "wahr", "oui", "o", "vrai", "si", "sí", "s", "verdadero", "sim"}
    | {"verdadeiro", "da", "tak", "on", "positive", "pos", "是", "真", "有", "对"}
)
NO = frozenset(
    {"no", "n", "false", "f", "0", "0.0", "-1", "nein", "falsch", "non", "faux", "não", "nao", "nie", "net", "off"}
    | {"negative", "neg", "否", "假", "无", "没有", "错", "不是"}
)
FEW_NUMBERS = 20  # whole numbers: up to here they may be classes
RARE = 12  # rows of a class below which not every side of the split can have some
STRAY = 0.01  # share of values that are not what the others are, and may go to quarantine

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Target:
    """The target column understood.

    Attributes:
        column: its name.
        task: what is asked.
        why: one clause.
        positive: binary: the value that counts as positive, as fetch will have it; else None.
        positive_why: one clause.
        classes: rows per class, as fetch will have the values.
        spellings: text as written -> text as meant, where classes are written in several ways.
        refused: values that go to quarantine: rare classes, stray words.
        blank: rows without a label.
    """

    column: str
    task: Task
    why: str
    positive: int | str | None = None
    positive_why: str = ""
    classes: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    blank: int = 0
    numeric: bool = False

    @property
    def labelled(self) -> int:
        return sum(self.classes.values())


def understand(fact: Facts, given_task: str | None, asker: Asker, dialect: Dialect) -> Target:
    """Task, classes and the positive value of a target column.

    Raises:
        DataError: one value only, no value, more classes than can be learnt, a number that is mostly words.
        ConfigError: something that only a person knows: ``--task``, ``--positive``.
    """
    where = {"column": fact.name, "rows": fact.rows}
    counts = _merged(fact, dialect)
    if fact.present == 0 or (counts is not None and len(counts) < 2):
        held = "is empty" if fact.present == 0 else f"holds one value only: {next(iter(counts or {'': 0}))!r}"
        raise DataError(
            f"the target {held}", where=where, next_step="name another column as --target, or bring rows that differ"
        )
    if given_task == "regression" or (given_task is None and _is_quantity(fact, counts)):
        return _quantity(fact, given_task, where)
    if counts is None:
        raise DataError(
            f"the target holds more than {fact.limit} different values that are not numbers",
            where=where,
            next_step=f"at most {MAX_CLASSES} classes can be told apart; name another column as --target, or --text "
            "for a text problem",
        )
    return _classes(fact, counts, given_task, asker, where)


def _merged(fact: Facts, dialect: Dialect) -> dict[str, int] | None:
    """Rows per value; ``1`` and ``1.0`` are one."""
    if fact.counts is None:
        return None
    if fact.native != "text" or fact.numbers < fact.present or fact.coded:
        missing = BLANK | set(dialect.missing) if fact.number_share > 0.5 else {""}
        return {value: rows for value, rows in fact.counts.items() if value not in missing}
    merged: dict[str, int] = {}
    for value, rows in fact.counts.items():
        plain = value if dialect.plain else plain_number(value, dialect.decimal, dialect.thousands) or value
        try:
            number = float(plain)
        except ValueError:
            continue
        if not np.isnan(number):
            key = str(int(number)) if number.is_integer() else repr(number)
            merged[key] = merged.get(key, 0) + rows
    return merged


def _is_quantity(fact: Facts, counts: Mapping[str, int] | None) -> bool:
    if fact.number_share < 1.0 - STRAY or fact.native == "bool" or fact.coded:
        return False
    return not fact.all_whole or counts is None or len(counts) > FEW_NUMBERS


def _quantity(fact: Facts, given: str | None, where: Mapping[str, object]) -> Target:
    if fact.number_share < 1.0 - STRAY:
        odd = ", ".join(repr(text) for text in list(fact.stray)[:3])
        raise DataError(
            f"only {fact.number_share:.1%} of the target's values are numbers; others are {odd}",
            where=where,
            next_step="mend the source, or give --task multiclass if these are classes",
        )
    distinct = fact.distinct if fact.distinct is not None else f"more than {fact.limit}"
    why = "you said so" if given else f"numbers{'' if fact.all_whole else ' with fractions'}, {distinct} different ones"
    return Target(fact.name, "regression", why, classes={}, refused=dict(fact.stray), blank=fact.missing, numeric=True)


def _classes(
    fact: Facts, counts: dict[str, int], given: str | None, asker: Asker, where: Mapping[str, object]
) -> Target:
    sides = {value: _side(value) for value in counts}
    spellings: dict[str, str] = {}
    if len(counts) > 2 and given != "multiclass":
        rest = {value: rows for value, rows in counts.items() if sides[value] is None}
        known = sum(counts.values()) - sum(rest.values())
        if {side for side in sides.values() if side is not None} == {True, False} and sum(
            rest.values()
        ) <= STRAY * known:
            counts, spellings = _one_spelling(counts, sides)
            return _binary(fact, counts, spellings, rest, asker)
    if given != "multiclass":
        counts, spellings = _one_case(counts)
    if len(counts) == 2 and given != "multiclass":
        return _binary(fact, counts, spellings, {}, asker)
    if len(counts) > MAX_CLASSES:
        raise DataError(
            f"the target has {len(counts)} classes, at most {MAX_CLASSES} can be told apart",
            where=where,
            next_step="merge rare ones, name another column as --target, or give --text for a text problem",
        )
    numbers = fact.numbers == fact.present and not fact.coded and fact.native != "bool"
    if numbers and given is None:
        shown = ", ".join(sorted(counts, key=float)[:6])
        answer = asker.choose(
            f"whether {fact.name} ({len(counts)} whole numbers: {shown}) names classes or is a quantity",
            ["multiclass", "regression"],
            "--task",
        )
        if answer == "regression":
            return _quantity(fact, "regression", where)
    if given == "binary":
        raise DataError(
            f"the target has {len(counts)} values: {', '.join(list(counts)[:5])}",
            where=where,
            next_step="a yes-or-no question has two; leave --task out, or merge them in the source",
        )
    rare = {value: rows for value, rows in counts.items() if rows < RARE}
    kept = {value: rows for value, rows in counts.items() if value not in rare}
    if len(kept) < 2:
        raise DataError(
            f"only {len(kept)} of {len(counts)} classes have {RARE} rows or more",
            where=where,
            next_step="bring more rows, or merge classes in the source",
        )
    why = f"{len(kept)} different values"
    return Target(
        fact.name, "multiclass", why, classes=kept, spellings=spellings, refused=rare,
        blank=fact.rows - sum(counts.values()), numeric=numbers,
    )  # fmt: skip


def _binary(
    fact: Facts, counts: dict[str, int], spellings: dict[str, str], refused: dict[str, int], asker: Asker
) -> Target:
    numbers = not fact.coded and fact.native != "bool" and all(_as_number(value) for value in counts)
    yes = [value for value in counts if _side(value) is True]
    no = [value for value in counts if _side(value) is False]
    if len(yes) == len(no) == 1:
        positive, why = yes[0], f"{yes[0]!r} says yes, {no[0]!r} says no"
    else:
        positive = asker.choose(f"which value of {fact.name} counts as positive", list(counts), "--positive")
        why = "you said so"
    if min(counts.values()) < RARE:
        few = min(counts, key=lambda value: counts[value])
        raise DataError(
            f"only {counts[few]} rows are {few!r}",
            where={"column": fact.name, "rows": fact.rows},
            next_step=f"bring at least {RARE} rows of each class, better some hundred",
        )
    written = f", written in {len(spellings) + len(counts)} ways" if spellings else ""
    return Target(
        fact.name,
        "binary",
        f"two values, {' and '.join(repr(value) for value in counts)}{written}",
        positive=int(positive) if numbers else positive,
        positive_why=why,
        classes=counts,
        spellings=spellings,
        refused=refused,
        blank=fact.rows - sum(counts.values()) - sum(refused.values()),
        numeric=numbers,
    )


def _side(value: str) -> bool | None:
    folded = value.strip().casefold()
    return True if folded in YES else False if folded in NO else None


def _one_spelling(counts: Mapping[str, int], sides: Mapping[str, bool | None]) -> tuple[dict[str, int], dict[str, str]]:
    """All ways to say yes as the most frequent one, likewise no."""
    merged: dict[str, int] = {}
    spellings: dict[str, str] = {}
    for side in (False, True):
        ways = {value: rows for value, rows in counts.items() if sides[value] is side}
        first = max(ways, key=lambda value: (ways[value], value))
        if side and _as_number(first) != _as_number(next(iter(merged))):
            words = [value for value in ways if _as_number(value) == _as_number(next(iter(merged)))]
            first = max(words, key=lambda value: ways[value]) if words else first
        merged[first] = sum(ways.values())
        spellings |= {value: first for value in ways if value != first}
    return merged, spellings


def _as_number(value: str) -> bool:
    return value.replace(".", "", 1).lstrip("-").isdigit()


def _one_case(counts: Mapping[str, int]) -> tuple[dict[str, int], dict[str, str]]:
    """``Yes`` and ``YES`` are one class: the most frequent way stands for all."""
    ways: dict[str, dict[str, int]] = {}
    for value, rows in counts.items():
        ways.setdefault(" ".join(value.split()).casefold(), {})[value] = rows
    merged: dict[str, int] = {}
    spellings: dict[str, str] = {}
    for found in ways.values():
        first = max(found, key=lambda value: (found[value], value))
        merged[first] = sum(found.values())
        spellings |= {value: first for value in found if value != first}
    return merged, spellings
