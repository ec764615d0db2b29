"""Rules in words, for reasons, verdicts and Data Docs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.validation.suite import Rule

LONGEST = 60


def short(rule: Rule) -> str:
    """The rule without its columns, e.g. ``between 18 and 100``."""
    words = _SHORT.get(rule.type)
    return words(rule.kwargs) if words else _generic(rule)


def sentence(rule: Rule) -> str:
    """The rule as a sentence without a full stop, e.g. ``AGE is between 18 and 100``."""
    about = " and ".join(rule.columns[:2]) if len(rule.columns) < 3 else f"{rule.columns[0]} ... {rule.columns[-1]}"
    if rule.type == "expect_column_pair_values_a_to_be_greater_than_b":
        text = f"{rule.kwargs.get('column_A')} is {short(rule)}"
    elif rule.type in _SHORT:
        verb = "is" if rule.type not in _OWN_VERB else ""
        text = f"{about or 'the table'} {verb} {short(rule)}"
    else:
        text = short(rule) if not about else f"{about}: {short(rule)}"
    condition = rule.kwargs.get("row_condition")
    mostly = rule.kwargs.get("mostly")
    text += f", where {condition}" if condition else ""
    text += f", in at least {mostly:.4g} of the rows" if mostly not in (None, 1) else ""
    return " ".join(text.split())


def value_text(value: object) -> str:
    """One value as shown in a reason: whole numbers without ``.0``, text in quotes and cut to 60 characters."""
    if value is None or value != value:
        return "missing"
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST else value[: LONGEST - 3] + "...")
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value, unit="auto"))
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _range(kwargs: dict[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    above = "above" if kwargs.get("strict_min") else "at least"
    below = "below" if kwargs.get("strict_max") else "at most"
    if low is None:
        return f"{below} {_amount(high)}"
    if high is None:
        return f"{above} {_amount(low)}"
    if kwargs.get("strict_min") or kwargs.get("strict_max"):
        return f"{above} {_amount(low)} and {below} {_amount(high)}"
    return f"between {_amount(low)} and {_amount(high)}"


def _amount(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _values(kwargs: dict[str, Any]) -> str:
    values = [str(value) for value in kwargs.get("value_set") or ()]
    return ", ".join(values) if len(values) <= 14 else f"{', '.join(values[:12])}, ... ({len(values)} values)"


def _measure(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda kwargs: f"has a {name} {_range(kwargs)}"


def _quantiles(kwargs: dict[str, Any]) -> str:
    ranges = kwargs.get("quantile_ranges") or {}
    parts = [
        f"{quantile:g} quantile {_range({'min_value': low, 'max_value': high})}"
        for quantile, (low, high) in zip(ranges.get("quantiles", ()), ranges.get("value_ranges", ()), strict=False)
    ]
    return f"has a {', a '.join(parts)}"


def _generic(rule: Rule) -> str:
    words = rule.type.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    shown = {key: value for key, value in rule.kwargs.items() if not key.startswith("column")}
    return f"{words} ({', '.join(f'{key} {value}' for key, value in shown.items())})" if shown else words


_SHORT: dict[str, Callable[[dict[str, Any]], str]] = {
    "expect_column_values_to_not_be_null": lambda _: "not missing",
    "expect_column_values_to_be_in_set": lambda kwargs: f"one of {_values(kwargs)}",
    "expect_column_values_to_not_be_in_set": lambda kwargs: f"none of {_values(kwargs)}",
    "expect_column_values_to_be_between": _range,
    "expect_column_value_lengths_to_be_between": lambda kwargs: f"{_range(kwargs)} characters long",
    "expect_column_values_to_match_regex": lambda kwargs: f"like /{kwargs.get('regex')}/",
    "expect_column_values_to_not_match_regex": lambda kwargs: f"not like /{kwargs.get('regex')}/",
    "expect_column_pair_values_a_to_be_greater_than_b": lambda kwargs: (
        f"{'at least' if kwargs.get('or_equal') else 'more than'} {kwargs.get('column_B')}"
    ),
    "expect_column_pair_values_to_be_equal": lambda _: "equal",
    "expect_column_values_to_be_unique": lambda _: "unique",
    "expect_compound_columns_to_be_unique": lambda _: "unique together",
    "expect_column_values_to_be_in_type_list": lambda kwargs: f"of type {' or '.join(kwargs.get('type_list') or ())}",
    "expect_column_values_to_be_of_type": lambda kwargs: f"of type {kwargs.get('type_')}",
    "expect_column_to_exist": lambda _: "a column of the table",
    "expect_table_row_count_to_be_between": lambda kwargs: f"has {_range(kwargs)} rows",
    "expect_table_columns_to_match_set": lambda kwargs: (
        f"has {'exactly' if kwargs.get('exact_match', True) else 'at least'} the {len(kwargs.get('column_set') or ())}"
        " columns of the contract"
    ),
    "expect_column_mean_to_be_between": _measure("mean"),
    "expect_column_median_to_be_between": _measure("median"),
    "expect_column_stdev_to_be_between": _measure("standard deviation"),
    "expect_column_min_to_be_between": _measure("smallest value"),
    "expect_column_max_to_be_between": _measure("largest value"),
    "expect_column_sum_to_be_between": _measure("sum"),
    "expect_column_unique_value_count_to_be_between": _measure("number of distinct values"),
    "expect_column_proportion_of_unique_values_to_be_between": _measure("share of distinct values"),
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_kl_divergence_to_be_less_than": lambda kwargs: (
        f"is within {kwargs.get('threshold')} nats (KL divergence) of the shares in the contract"
    ),
}
_OWN_VERB = {
    name
    for name in _SHORT
    if name.startswith(("expect_table_", "expect_column_kl", "expect_column_quantile"))
    or name.removeprefix("expect_column_").split("_")[0]
    in {"mean", "median", "stdev", "min", "max", "sum", "unique", "proportion"}
}
