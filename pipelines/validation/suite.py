"""A contract as data: a Great Expectations suite in ``expectations/<name>.json``, with derived columns."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError, NightshiftError

SEVERITIES = ("critical", "warning", "info")

ROW_LEVEL = frozenset(
    {
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_be_between",
        "expect_column_value_lengths_to_be_between",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_match_regex",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_values_to_be_unique",
        "expect_compound_columns_to_be_unique",
    }
)
"""Expectation types whose failing rows go to quarantine. Every other type is about the table of accepted rows."""

UNIQUE = frozenset({"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"})


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes:
        position: place in the file, from 0.
        type: Great Expectations' name in snake case.
        kwargs: its arguments, as in the file.
        severity: ``critical`` acts; ``warning`` and ``info`` are only counted and shown.
        why: a sentence for a person, from ``meta.why``; may be empty.
    """

    position: int
    type: str
    kwargs: dict[str, Any]
    severity: str = "critical"
    why: str = ""

    @property
    def row_level(self) -> bool:
        """Whether single rows fail it. With a ``row_condition`` it is judged on the accepted table instead."""
        return self.type in ROW_LEVEL and not self.kwargs.get("row_condition")

    @property
    def critical(self) -> bool:
        return self.severity == "critical"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names."""
        single = [self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs]
        return tuple(str(name) for name in (*single, *self.kwargs.get("column_list", ())))


@dataclass(frozen=True)
class Derived:
    """A column made for cross-column rules, in this order, from source columns or earlier derived ones.

    ``op``: ``max``, ``min``, ``sum`` of the columns; ``ratio``, ``difference`` of the first and the second.
    """

    name: str
    op: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    """A contract: ``expectations`` in the order of the file and the columns they need."""

    name: str
    rules: tuple[Rule, ...]
    derived: tuple[Derived, ...] = field(default=())

    @property
    def row_rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.row_level)


class _File:
    """One suite file; every error names it and the expectation."""

    def __init__(self, path: Path) -> None:
        self.name = f"expectations/{path.name}"

    def error(self, what: str, next_step: str, **where: object) -> NightshiftError:
        return ConfigError(what, where={"file": self.name, **where}, next_step=next_step)


def load_suite(path: Path) -> Suite:
    """Read a suite.

    Raises:
        ConfigError: no such file, not JSON, or not a suite; names the expectation by its position (from 0).
    """
    file = _File(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise file.error("no such suite", "write it, or mend validation.suite in params.yaml") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise file.error(f"not JSON: {getattr(error, 'msg', error)}", "mend the file", line=line) from error
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise file.error("not a suite", 'write {"name": ..., "expectations": [...]}')
    meta = content.get("meta") or {}
    if not isinstance(meta, dict):
        raise file.error("meta is not an object", 'write "meta": {...}')
    derived = tuple(_derived(item, file) for item in _list(meta.get("derived", []), "meta.derived", file))
    rules = tuple(_rule(index, item, file) for index, item in enumerate(content["expectations"]))
    if not rules:
        raise file.error("the suite has no expectation", "write at least one, or every row would pass")
    return Suite(str(content.get("name") or path.stem), rules, derived)


def without_not_null(suite: Suite, column: str) -> Suite:
    """The suite, but a row may lack this column's value; rules about the values that are there stay."""
    rules = tuple(
        rule
        for rule in suite.rules
        if not (rule.type == "expect_column_values_to_not_be_null" and rule.columns == (column,))
    )
    return replace(suite, rules=rules)


def check_columns(suite: Suite, columns: Iterable[str], path: Path) -> None:
    """Every column that the suite names must be there (``expect_column_to_exist`` aside).

    Raises:
        ConfigError: names the expectation, the column and the nearest name.
    """
    known = [*columns]
    file = _File(path)
    for made in suite.derived:
        for name in made.columns:
            _known(name, known, file, f"derived {made.name}")
        known.append(made.name)
    for rule in suite.rules:
        for name in () if rule.type == "expect_column_to_exist" else rule.columns:
            _known(name, known, file, f"{rule.position} ({rule.type})")


def _known(name: str, known: list[str], file: _File, place: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; the nearest name is {near[0]!r}" if near else ""
    raise file.error(
        f"the suite names the column {name!r}, which the rows do not have{hint}",
        "mend the name in the suite, or the source",
        expectation=place,
    )


def _list(value: object, key: str, file: _File) -> list[Any]:
    if not isinstance(value, list):
        raise file.error(f"{key} is not a list", f'write "{key.split(".")[-1]}": [...]')
    return value


def _derived(item: object, file: _File) -> Derived:
    keys = {"name", "op", "columns"}
    if not isinstance(item, Mapping) or set(item) != keys:
        raise file.error("a derived column needs exactly name, op and columns", "mend meta.derived")
    made = Derived(str(item["name"]), str(item["op"]), tuple(str(name) for name in item["columns"]))
    pair = made.op in {"ratio", "difference"}
    if not pair and made.op not in {"max", "min", "sum"}:
        raise file.error(f"no operation {made.op!r}", "choose max, min, sum, ratio or difference", column=made.name)
    if (pair and len(made.columns) != 2) or not made.columns:
        raise file.error(f"{made.op} of {len(made.columns)} columns", "ratio and difference take two", column=made.name)
    return made


def _rule(position: int, item: object, file: _File) -> Rule:
    if not isinstance(item, Mapping) or not isinstance(item.get("type"), str):
        raise file.error("an expectation without a type", 'write {"type": ..., "kwargs": {...}}', expectation=position)
    kwargs = item.get("kwargs", {})
    severity = str(item.get("severity") or "critical")
    if not isinstance(kwargs, Mapping):
        raise file.error("kwargs is not an object", 'write "kwargs": {...}', expectation=position)
    if severity not in SEVERITIES:
        raise file.error(f"no severity {severity!r}", f"choose one of: {', '.join(SEVERITIES)}", expectation=position)
    why = str((item.get("meta") or {}).get("why", ""))
    return Rule(position, str(item["type"]), dict(kwargs), severity, why)
