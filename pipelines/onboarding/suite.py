"""The drafted contract: what the present data holds, with room to grow, each rule with its reason."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.onboarding.conclusion import Conclusion
from pipelines.onboarding.facts import Facts
from pipelines.sources.local import BLANK

if TYPE_CHECKING:
    import pandas as pd

Expectation = dict[str, Any]

FEW_CODES, MANY_CODES = 12, 50
MOST_RULES = 900  # rules of a suite; a wider table gets fewer per column
SLACK = 0.05  # more missing than today, share of rows, before the table is refused
ISO_PATTERN = r"^\d{4}-\d{2}-\d{2}"


def draft(found: Conclusion) -> list[Expectation]:
    """The expectations of a suite, in the order of the file."""
    rows, facts = found.look.rows, found.look.facts
    if found.problem in {"reply", "forecast"}:
        from pipelines.onboarding.special import rules_of

        return rules_of(found)
    features = [*found.of("numeric"), *found.of("categorical")]
    wish = found.wish
    special = (found.id, found.target.column, found.time, found.group, wish.text, wish.treatment)
    named = [column for column in special if column is not None]
    needed = list(dict.fromkeys([*named, *features]))
    rules = [
        rule(
            "table_columns_to_match_set",
            "more columns are allowed, fewer are not",
            column_set=needed,
            exact_match=False,
        ),
        rule(
            "table_row_count_to_be_between",
            f"{rows:,} rows at drafting; far fewer: a truncated delivery, far more: the wrong table",
            min_value=max(1, rows // 2),
            max_value=max(10 * rows, 10_000),
        ),
    ]
    if found.id is not None:
        rules += _id_rules(found, facts[found.id])
    rules += _target_rules(found, facts[found.target.column])
    rules += _time_rules(found, rows) + _special_rules(found)
    columns = [column_rules(found, name) for name in features]
    for wave in range(max(map(len, columns), default=0)):
        fresh = [wanted[wave] for wanted in columns if len(wanted) > wave]
        if len(rules) + len(fresh) > MOST_RULES and wave > 0:
            break
        rules += fresh[: max(0, MOST_RULES - len(rules))]
    return rules


def rule(kind: str, why: str, severity: str = "", **kwargs: Any) -> Expectation:
    """One expectation; ``kind`` without ``expect_``."""
    made: Expectation = {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"why": why}}
    if severity:
        made["severity"] = severity
    return made


def _id_rules(found: Conclusion, fact: Facts) -> list[Expectation]:
    assert found.id is not None
    rules = [rule("column_values_to_be_unique", "an id names one row; of two the first stays", column=found.id)]
    if not fact.missing:
        rules.append(rule("column_values_to_not_be_null", "a row without an id cannot be followed", column=found.id))
    return rules


def _target_rules(found: Conclusion, fact: Facts) -> list[Expectation]:
    target = found.target
    if target.task == "regression":
        low, high = widened(fact.low, fact.high)
        told = f"{fact.low:g} to {fact.high:g} at drafting, and as much again"
        return [rule("column_values_to_be_between", told, column=target.column, min_value=low, max_value=high)]
    values = [_class(value, target.numeric) for value in target.classes]
    why = "the classes that are learnt" + (
        f"; {len(target.refused)} rare or odd ones are not" if target.refused else ""
    )
    rules = [rule("column_values_to_be_in_set", why, column=target.column, value_set=values)]
    if target.blank:
        share = target.blank / found.look.rows
        least = round(max(0.0, 1.0 - share - max(SLACK, share)), 3)
        told = f"{share:.1%} of the rows have no label at drafting"
        rules += [_present_share(target.column, told, least)] if least > 0 else []
    else:
        rules.append(rule("column_values_to_not_be_null", "every row had a label at drafting", column=target.column))
    return rules


def _class(value: str, numeric: bool) -> Any:
    if value in {"true", "false"} and not numeric:
        return value
    return (int(value) if value.lstrip("-").isdigit() else float(value)) if numeric else value


def _time_rules(found: Conclusion, rows: int) -> list[Expectation]:
    if found.time is None:
        return []
    fact = found.look.facts[found.time]
    rules = []
    if not fact.missing:
        why = f"never missing in {rows:,} rows; the split needs it"
        rules.append(rule("column_values_to_not_be_null", why, column=found.time))
    if fact.native == "text" and found.table[found.time].dtype == object:
        why = "ISO 8601, as the source's formats make it"
        rules.append(rule("column_values_to_match_regex", why, column=found.time, regex=ISO_PATTERN))
    return rules


def _special_rules(found: Conclusion) -> list[Expectation]:
    """Of the text of a text problem, and of the treatment of an uplift problem."""
    rules = []
    if found.wish.text is not None:
        name = found.wish.text
        longest = int(found.table[name].dropna().astype(str).str.len().max())
        rules.append(rule("column_values_to_not_be_null", "there is nothing to read without it", column=name))
        why, most = f"{longest} characters at most at drafting", max(20_000, 2 * longest)
        rules.append(rule("column_value_lengths_to_be_between", why, column=name, min_value=1, max_value=most))
    if found.wish.treatment is not None:
        name = found.wish.treatment
        why = "the arms of the test; another value is another test"
        fact = found.look.facts[name]
        numeric = fact.numbers == fact.present and not fact.coded
        arms = [_class(arm, numeric) for arm in found.arms]
        rules.append(rule("column_values_to_not_be_null", "a row without a treatment tells nothing", column=name))
        rules.append(rule("column_values_to_be_in_set", why, column=name, value_set=arms))
    return rules


def column_rules(found: Conclusion, name: str) -> list[Expectation]:
    """Most important first."""
    fact, part = found.look.facts[name], found.parts[name]
    rows = found.look.rows
    rules = []
    if not fact.missing:
        rules.append(rule("column_values_to_not_be_null", f"never missing in {rows:,} rows", column=name))
    else:
        share = fact.missing / rows
        least = round(1.0 - share - max(SLACK, share / 2), 3)
        if least > 0:
            rules.append(_present_share(name, f"{share:.1%} missing at drafting", least))
    if part.role == "numeric" and fact.native != "bool" and math.isfinite(fact.low):
        low, high = widened(fact.low, fact.high)
        told = f"{fact.low:g} to {fact.high:g} at drafting, and as much again"
        rules.append(rule("column_values_to_be_between", told, column=name, min_value=low, max_value=high))
        kinds = ["int64", "float64"]
        rules.append(rule("column_values_to_be_in_type_list", "numbers", column=name, type_list=kinds))
    elif part.role == "categorical":
        rules += _codes(found, name, fact)
    return rules


def _codes(found: Conclusion, name: str, fact: Facts) -> list[Expectation]:
    values = _allowed(found.table[name], fact, found)
    if values is None:
        return []
    if len(values) <= FEW_CODES:
        why = f"the {len(values)} values at drafting; a new one is looked at by a person first"
        return [rule("column_values_to_be_in_set", why, column=name, value_set=values)]
    why = f"the {len(values)} values at drafting; new ones are counted and let through"
    return [rule("column_values_to_be_in_set", why, "warning", column=name, value_set=values)]


def _allowed(column: pd.Series, fact: Facts, found: Conclusion) -> list[Any] | None:
    """The values of a category as fetch has them, or None for too many."""
    if fact.counts is None:
        return None
    numbers = fact.numbers == fact.present and fact.numbers > 0 and not fact.coded and fact.native != "bool"
    nothing = BLANK if numbers else {""}
    texts = [value for value in fact.counts if value not in nothing]
    if not texts or len(texts) > MANY_CODES or column.dtype == bool:
        return None
    if numbers:
        from pipelines.sources.local import Dialect, plain_texts

        dialect = Dialect.of(found.source) if found.source.kind == "file" else Dialect()
        plain = [float(value) for value in plain_texts(texts, dialect)]
        return sorted({int(value) if value.is_integer() else value for value in plain})
    if fact.native == "text" and column.dtype == object:
        kept = {value for value in column.dropna().unique() if isinstance(value, str)}
        spaced = {value.strip(): value for value in kept}
        return sorted({spaced.get(value, value) for value in texts} | kept)
    return sorted(texts)


def _present_share(name: str, why: str, least: float) -> Expectation:
    kind = "column_proportion_of_non_null_values_to_be_between"
    return rule(kind, f"{why}; far more missing is another delivery", column=name, min_value=least, max_value=1.0)


def widened(low: float, high: float) -> tuple[float | int, float | int]:
    """The range and its whole span again on either side, never across zero."""
    span = (high - low) or max(abs(high), 1.0)
    least = max(0.0, low - span) if low >= 0 else low - span
    most = min(0.0, high + span) if high <= 0 else high + span
    return _neat(least, math.floor), _neat(most, math.ceil)


def _neat(value: float, way: Any) -> float | int:
    """Three significant digits, away from the data."""
    if value == 0 or not np.isfinite(value):
        return 0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    rounded = float(f"{way(value / step) * step:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def refused(table: pd.DataFrame, rules: list[Expectation], numeric: list[str]) -> dict[int, float]:
    """Share of the sample that each critical row-level rule would send to quarantine, by the rule's position; -1: of
    values that are no numbers."""
    from pipelines.validation.casts import cast, numeric_columns, text_columns
    from pipelines.validation.rules import failing, surplus
    from pipelines.validation.suite import UNIQUE, Rule, Suite

    made = [
        Rule(place, rule["type"], rule["kwargs"], rule.get("severity", "critical")) for place, rule in enumerate(rules)
    ]
    suite = Suite("draft", tuple(made))
    clean, misfits = cast(table, numeric_columns(suite, numeric), text_columns(suite))
    bad = np.zeros(len(table), dtype=bool)
    for misfit in misfits:
        bad |= misfit.rows
    shares = {-1: float(bad.mean())}
    for rule in suite.row_rules:
        if rule.critical:
            mask = surplus(rule, clean, ~bad) if rule.type in UNIQUE else failing(rule, clean)
            shares[rule.position] = float(mask.mean())
    return {place: share for place, share in shares.items() if share > 0}
