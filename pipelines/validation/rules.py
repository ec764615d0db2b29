"""Which rows fail a row-level rule. The same as Great Expectations' own answer; a property test holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.validation.suite import ROW_LEVEL, Rule

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]


def failing(rule: Rule, frame: pd.DataFrame) -> Mask:
    """Mask ``[n]`` of the rows that Great Expectations calls unexpected. For uniqueness: every copy.

    Missing values fail only the rules about missing values, and pairs as ``ignore_row_if`` says.
    """
    return _MASKS[rule.type](rule.kwargs, frame)


def surplus(rule: Rule, frame: pd.DataFrame, alive: Mask) -> Mask:
    """For a rule about uniqueness: of the rows in ``alive`` with the same value, all but the first. Mask ``[n]``."""
    out = np.zeros(len(frame), dtype=bool)
    part = frame[alive]
    repeated = part.duplicated(list(rule.columns), keep="first").to_numpy()
    out[alive] = failing(rule, part) & repeated
    return out


def _present(fails: Callable[[dict[str, Any], pd.Series], Any]) -> Callable[[dict[str, Any], pd.DataFrame], Mask]:
    """A rule of one column, on the values that are there."""

    def mask(kwargs: dict[str, Any], frame: pd.DataFrame) -> Mask:
        column = frame[kwargs["column"]]
        present = column.notna().to_numpy()
        out = np.zeros(len(column), dtype=bool)
        out[present] = np.asarray(fails(kwargs, column[present]), dtype=bool)
        return out

    return mask


def _outside(kwargs: dict[str, Any], values: pd.Series) -> Any:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if values.dtype.kind == "M":
        import pandas as pd

        low, high = (pd.Timestamp(bound) if isinstance(bound, str) else bound for bound in (low, high))
    outside = np.zeros(len(values), dtype=bool)
    if low is not None:
        outside |= ~np.asarray(values > low if kwargs.get("strict_min") else values >= low, dtype=bool)
    if high is not None:
        outside |= ~np.asarray(values < high if kwargs.get("strict_max") else values <= high, dtype=bool)
    return outside


def _lengths(kwargs: dict[str, Any], values: pd.Series) -> Any:
    return _outside(kwargs, values.astype(str).str.len())


def _matches(kwargs: dict[str, Any], values: pd.Series) -> Any:
    return values.astype(str).str.contains(kwargs["regex"])


def _pair(holds: Callable[[dict[str, Any], Any, Any], Any]) -> Callable[[dict[str, Any], pd.DataFrame], Mask]:
    def mask(kwargs: dict[str, Any], frame: pd.DataFrame) -> Mask:
        first, second = frame[kwargs["column_A"]], frame[kwargs["column_B"]]
        ignore = {
            "both_values_are_missing": first.isna() & second.isna(),
            "either_value_is_missing": first.isna() | second.isna(),
            "neither": np.zeros(len(frame), dtype=bool),
        }[kwargs.get("ignore_row_if", "both_values_are_missing")]
        return np.asarray(~np.asarray(holds(kwargs, first, second), dtype=bool) & ~np.asarray(ignore), dtype=bool)

    return mask


def _compound(kwargs: dict[str, Any], frame: pd.DataFrame) -> Mask:
    part = frame[list(kwargs["column_list"])]
    ignore = {
        "all_values_are_missing": part.isna().all(axis=1),
        "any_value_is_missing": part.isna().any(axis=1),
        "never": part.isna().any(axis=1) & False,
    }[kwargs.get("ignore_row_if", "all_values_are_missing")].to_numpy()
    out = np.zeros(len(part), dtype=bool)
    out[~ignore] = part[~ignore].duplicated(keep=False).to_numpy()
    return out


_MASKS: dict[str, Callable[[dict[str, Any], pd.DataFrame], Mask]] = {
    "expect_column_values_to_not_be_null": lambda kwargs, frame: np.asarray(frame[kwargs["column"]].isna(), dtype=bool),
    "expect_column_values_to_be_in_set": _present(lambda kwargs, values: ~values.isin(kwargs["value_set"])),
    "expect_column_values_to_not_be_in_set": _present(lambda kwargs, values: values.isin(kwargs["value_set"])),
    "expect_column_values_to_be_between": _present(_outside),
    "expect_column_value_lengths_to_be_between": _present(_lengths),
    "expect_column_values_to_match_regex": _present(lambda kwargs, values: ~_matches(kwargs, values)),
    "expect_column_values_to_not_match_regex": _present(_matches),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair(
        lambda kwargs, first, second: first >= second if kwargs.get("or_equal") else first > second
    ),
    "expect_column_pair_values_to_be_equal": _pair(lambda _kwargs, first, second: first == second),
    "expect_column_values_to_be_unique": _present(lambda _kwargs, values: values.duplicated(keep=False)),
    "expect_compound_columns_to_be_unique": _compound,
}
assert set(_MASKS) == ROW_LEVEL
