"""The contract applied: which rows are accepted, which are refused and why, and what the judge says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError, StageError
from pipelines.files import json_number
from pipelines.validation import gx
from pipelines.validation.casts import Misfit, cast, derive, numeric_columns, text_columns, whole_numbers
from pipelines.validation.rules import failing, surplus
from pipelines.validation.sentences import sentence, short, value_text
from pipelines.validation.suite import UNIQUE, Rule, Suite, check_columns

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]

NOT_NULL = "expect_column_values_to_not_be_null"


@dataclass(frozen=True)
class Outcome:
    """What the contract made of the fetched rows.

    Attributes:
        accepted: accepted rows, the source's columns, numbers as numbers.
        quarantine: refused rows as fetched, with ``_row`` (int64, position in fetch) and ``_reasons`` (JSON list).
        report: the content of ``validation.json``.
        blocking: sentences about the table that do not hold, each with what was observed: ``(name, sentence, value)``.
    """

    accepted: pd.DataFrame
    quarantine: pd.DataFrame
    report: dict[str, Any]
    blocking: tuple[tuple[str, str, float | None], ...]


def apply_contract(frame: pd.DataFrame, suite: Suite, path: Path, numeric: Iterable[str]) -> Outcome:
    """Split ``frame`` into accepted and refused rows, and judge both by Great Expectations.

    Row-level rules are judged on all rows, and its counts must agree with our masks. The accepted rows are then judged
    by every rule that may not hold for them, and must hold every rule about rows.

    Args:
        frame: the fetched rows.
        path: of the suite, for messages.
        numeric: columns that ``params.yaml`` declares as numbers.

    Raises:
        ConfigError: the suite does not fit the table or Great Expectations.
        DataError: the source uses a reserved column name.
        StageError: Great Expectations failed inside, or masks and judge disagree.
    """
    check_columns(suite, [str(name) for name in frame.columns], path)
    reserved = sorted({"_row", "_reasons", *(made.name for made in suite.derived)} & set(frame.columns))
    if reserved:
        raise DataError(
            f"the column name {reserved[0]!r} is reserved",
            where={"suite": suite.name, "column": reserved[0]},
            next_step="rename it in the source",
        )
    numbers = numeric_columns(suite, numeric)
    clean, misfits = cast(frame, numbers, text_columns(suite))
    table = derive(clean, suite.derived)
    judged = gx.judge(table, suite.row_rules, suite.name)
    refusal = _refuse(table, frame, suite, misfits)
    refused = refusal.rows
    for rule in suite.row_rules:
        _agree(rule, refusal.counts[rule.position], judged[rule.position].unexpected, suite)
    accepted = whole_numbers(clean[~refused].reset_index(drop=True), numbers)
    settled: dict[int, gx.Judgement] = {}
    if len(accepted):
        # a rule about rows that held for all of them holds for some of them
        open_rules = [rule for rule in suite.rules if not (rule.row_level and judged[rule.position].unexpected == 0)]
        shape = [rule for rule in open_rules if rule.type.startswith("expect_table_column")]
        others = [rule for rule in open_rules if rule not in shape]
        settled = gx.judge(accepted, shape, suite.name) | gx.judge(derive(accepted, suite.derived), others, suite.name)
        for rule in suite.row_rules:
            if rule.critical and rule.position in settled:
                _agree(rule, 0, settled[rule.position].unexpected, suite)
    quarantine = frame[refused].copy()
    quarantine["_row"] = np.flatnonzero(refused).astype(np.int64)
    quarantine["_reasons"] = [json.dumps(refusal.reasons[row], ensure_ascii=False) for row in quarantine["_row"]]
    entries = [_entry(rule, judged.get(rule.position), settled.get(rule.position), len(frame)) for rule in suite.rules]
    blocking = tuple(
        _blocking(rule, entry) for rule, entry in zip(suite.rules, entries, strict=True) if _blocks(rule, entry)
    )
    report = {
        "suite": suite.name,
        "great_expectations": gx.version(),
        "rows": {"fetched": len(frame), "accepted": len(accepted), "quarantined": int(refused.sum())},
        "quarantine_share": json_number(refused.mean() if len(frame) else 0.0),
        "success": not blocking,
        "expectations": entries,
        "types": [
            {"column": m.column, "what": m.what, "unexpected": int(m.rows.sum()), "share": json_number(m.rows.mean())}
            for m in misfits
        ],
        "reasons": [
            {"reason": name, "rows": rows}
            for name, rows in sorted(refusal.kinds.items(), key=lambda item: (-item[1], item[0]))
        ],
    }
    return Outcome(accepted, quarantine.reset_index(drop=True), report, blocking)


@dataclass
class _Refusal:
    """Refused rows (mask ``[n]``), reasons by row, rows by kind of reason, failing rows by a rule's position."""

    rows: Mask
    reasons: dict[int, list[str]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, mask: Mask, kind: str, columns: list[Any]) -> None:
        """Refuse the rows of ``mask`` because of ``kind``; ``columns`` hold the values to show."""
        positions = np.flatnonzero(mask).tolist()
        for row in positions:
            shown = ", ".join(value_text(values[row]) for values in columns)
            self.reasons.setdefault(row, []).append(f"{kind}: {shown}")
        if positions:
            self.kinds[kind] += len(positions)
        self.rows |= mask


def _refuse(table: pd.DataFrame, raw: pd.DataFrame, suite: Suite, misfits: list[Misfit]) -> _Refusal:
    """Rows with a value of the wrong type; by rules of one column; by cross-column rules; by uniqueness.

    The last two are told only of rows that are still accepted: a wrong value makes every comparison with it wrong.
    """
    refusal = _Refusal(np.zeros(len(table), dtype=bool))
    not_of_type = {misfit.column: misfit.rows for misfit in misfits}
    for misfit in misfits:
        refusal.add(misfit.rows, f"{misfit.column}: {misfit.what}", [raw[misfit.column].to_numpy()])
    made = {derived.name for derived in suite.derived}

    def order(rule: Rule) -> int:
        return 2 if rule.type in UNIQUE else 1 if len(rule.columns) > 1 or made & set(rule.columns) else 0

    for rule in sorted(suite.row_rules, key=order):
        mask = failing(rule, table)
        refusal.counts[rule.position] = int(mask.sum())
        if not rule.critical:
            continue
        if rule.type in UNIQUE:
            mask = surplus(rule, table, ~refusal.rows)
        elif order(rule) == 1:
            mask = mask & ~refusal.rows
        elif rule.type == NOT_NULL and rule.columns[0] in not_of_type:
            mask = mask & ~not_of_type[rule.columns[0]]
        kind = f"{', '.join(rule.columns)}: {short(rule)}"
        refusal.add(mask, kind, [table[name].to_numpy() for name in rule.columns])
    return refusal


def _agree(rule: Rule, ours: int, theirs: int | None, suite: Suite) -> None:
    if ours != theirs:
        raise StageError(
            f"Nightshift finds {ours} failing rows, Great Expectations {theirs}",
            where={"suite": suite.name, "expectation": f"{rule.position} ({rule.type})", "column": rule.columns[0]},
            next_step="report this: the mask of this rule is wrong for this column's type",
        )


def _entry(rule: Rule, before: gx.Judgement | None, after: gx.Judgement | None, rows: int) -> dict[str, Any]:
    """One expectation of ``validation.json``: about rows, on all of them; about the table, on the accepted ones."""
    told = before if rule.row_level else after
    unexpected = told.unexpected if told else None
    return {
        "position": rule.position,
        "type": rule.type,
        "kwargs": rule.kwargs,
        "severity": rule.severity,
        "level": "row" if rule.row_level else "table",
        "success": told.success if told else None,
        "unexpected": unexpected,
        "share": json_number(unexpected / rows) if unexpected is not None and rows else None,
        "observed": told.observed if told else None,
        "sentence": sentence(rule),
        "why": rule.why,
    }


def _blocks(rule: Rule, entry: dict[str, Any]) -> bool:
    """A rule about the table that does not hold; a rule about rows only when it has a ``mostly`` and misses that."""
    failed = entry["success"] is False and rule.critical
    return failed and (not rule.row_level or rule.kwargs.get("mostly") not in (None, 1))


def _blocking(rule: Rule, entry: dict[str, Any]) -> tuple[str, str, float | None]:
    observed = entry["observed"]
    number = float(observed) if isinstance(observed, int | float) and not isinstance(observed, bool) else None
    shown = entry["share"] if rule.row_level else observed
    told = f": observed {shown:.6g}" if isinstance(shown, int | float) else f": observed {shown}" if shown else ""
    name = f"{rule.type.removeprefix('expect_')}{'.' + rule.columns[0] if rule.columns else ''}"
    return name, f"does not hold: {entry['sentence']}{told}", number
