"""Rows of a request against the bundle's ``schema.json``: what is impossible is refused, what is unusual is answered
with a warning.

Refused, naming row and field: an unknown or missing field, a wrong type, NaN or infinity, null where none may be, a
category outside ``allowed``, a number outside ``minimum`` to ``maximum`` (what the train rows held, widened by their
whole span, never across zero: a wrong unit does not pass, next month's larger client does). Answered with a warning: a
number inside those limits but outside ``seen``. A field that may be null may be left out. The id column may be sent, a
text or a whole number, and so may the columns of ``also`` (protected ones); they are kept in the log, and the model
does not read them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_PROBLEMS = 20  # reported per request
MAX_TEXT = 1000  # characters of a text value
SHOWN = 40  # characters of a value repeated in a message

Check = Callable[[Any], str | None]
"""What is wrong with a value, or None."""

Complaints = Callable[[Sequence[Mapping[str, Any]]], Sequence[tuple[int, str, str]]]
"""What is wrong with rows that fit the schema."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a request. ``row`` counts from 0; both are None where they do not apply."""

    row: int | None
    field: str | None
    problem: str

    def to_json(self) -> dict[str, Any]:
        return {"row": self.row, "field": self.field, "problem": self.problem}


@dataclass(frozen=True)
class _Field:
    name: str
    check: Check
    nullable: bool
    seen: tuple[float, float] | None


class RowValidator:
    """Checks rows against one schema; made once per loaded model.

    Args:
        schema: ``schema.json``.
        more: what only the model knows of rows that fit the schema, ``(row, field, words)`` each (a forecast: a series
            without a history, a step beyond the horizon).
    """

    def __init__(self, schema: Mapping[str, Any], more: Complaints | None = None) -> None:
        self._more = more
        self._fields = tuple(_field(item) for item in schema["fields"])
        names = [field.name for field in self._fields]
        self._id = str(schema["id"]) if schema.get("id") and schema["id"] not in names else None
        self._also = tuple(str(name) for name in schema.get("also", ()) if name not in names)
        self._known = frozenset([*names, *self._also, *([self._id] if self._id else [])])

    def check(self, rows: Sequence[Any]) -> tuple[list[Problem], dict[int, list[str]]]:
        """``(problems, warnings by row)``; no problem means that every row can be answered."""
        problems: list[Problem] = []
        warnings: dict[int, list[str]] = {}
        for place, row in enumerate(rows):
            if not isinstance(row, dict):
                problems.append(Problem(place, None, f"a row is an object of fields, not {_kind(row)}"))
            else:
                self._check_row(place, row, problems, warnings)
            if len(problems) >= MAX_PROBLEMS:
                break
        if not problems and self._more is not None:
            problems = [Problem(row, field, words) for row, field, words in self._more(rows)]
        return problems[:MAX_PROBLEMS], warnings

    def _check_row(
        self, place: int, row: dict[str, Any], problems: list[Problem], warnings: dict[int, list[str]]
    ) -> None:
        for field in self._fields:
            value = row.get(field.name)
            if value is None:
                if not field.nullable:
                    what = "must not be null" if field.name in row else "is missing"
                    problems.append(Problem(place, field.name, what))
                continue
            wrong = field.check(value)
            if wrong is not None:
                problems.append(Problem(place, field.name, wrong))
            elif field.seen is not None and not field.seen[0] <= value <= field.seen[1]:
                low, high = field.seen
                warnings.setdefault(place, []).append(
                    f"{field.name}: {_shown(value)} is outside {low:g} to {high:g}, which the model has learned from"
                )
        if self._id is not None and row.get(self._id) is not None and not _is_id(row[self._id]):
            problems.append(Problem(place, self._id, "must be text or a whole number"))
        for name in self._also:
            if row.get(name) is not None and not _is_plain(row[name]):
                problems.append(Problem(place, name, f"must be a number or text of at most {MAX_TEXT} characters"))
        if not self._known.issuperset(row):
            for name in sorted(set(row) - self._known):
                problems.append(Problem(place, name[:SHOWN], "is not a field of this product"))


def _is_plain(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= MAX_TEXT
    return type(value) in (bool, int) or (type(value) is float and math.isfinite(value))


def _field(item: Mapping[str, Any]) -> _Field:
    seen = item.get("seen")
    return _Field(
        name=item["name"],
        check=_text_check(item) if item["type"] == "string" else _number_check(item),
        nullable=bool(item["nullable"]),
        seen=(float(seen[0]), float(seen[1])) if seen else None,
    )


def _number_check(item: Mapping[str, Any]) -> Check:
    whole = item["type"] == "integer"
    low, high = item.get("minimum"), item.get("maximum")
    allowed = frozenset(item["allowed"]) if "allowed" in item else None
    choices = ", ".join(str(value) for value in item.get("allowed", ()))

    def check(value: Any) -> str | None:
        kind = type(value)
        if kind is not int:
            if kind is not float:
                return f"must be a number, not {_kind(value)}"
            if not math.isfinite(value):
                return "must be a finite number, not NaN or infinity"
            if whole and not value.is_integer():
                return f"must be a whole number, not {_shown(value)}"
        if allowed is not None:
            return None if value in allowed else f"{_shown(value)} is none of {choices}"
        if (low is not None and value < low) or (high is not None and value > high):
            return f"{_shown(value)} is not within {low} to {high}"
        return None

    return check


def _text_check(item: Mapping[str, Any]) -> Check:
    allowed = frozenset(item["allowed"]) if "allowed" in item else None
    choices = ", ".join(repr(value) for value in item.get("allowed", ()))
    longest, readable = int(item.get("max_length", MAX_TEXT)), int(item.get("min_length", 0)) > 0

    def check(value: Any) -> str | None:
        if type(value) is not str:
            return f"must be text, not {_kind(value)}"
        if allowed is not None:
            return None if value in allowed else f"{_shown(value)} is none of {choices}"
        if len(value) > longest:
            return f"must not be longer than {longest} characters, not {len(value)}"
        return "must hold a letter, a number or a sign" if readable and not _readable(value) else None

    return check


def _readable(value: str) -> bool:
    return any(letter.isprintable() and not letter.isspace() for letter in value)


def _is_id(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= MAX_TEXT
    return type(value) is int or (type(value) is float and value.is_integer())


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return "a number of very many digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
