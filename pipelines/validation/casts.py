"""Before the rules: every column as the type that the contract means, and the values that cannot be it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.validation.suite import Derived, Suite

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})
"""Texts that count as missing in a column of numbers; the same as where files are read."""
EXACT = 2.0**53  # larger integers are not exact as float64


@dataclass(frozen=True)
class Misfit:
    """Values of one column that are not of its type.

    Attributes:
        column: its name.
        rows: mask ``[n]``.
        what: e.g. ``not a finite number``.
    """

    column: str
    rows: Mask
    what: str


def numeric_columns(suite: Suite, declared: Iterable[str]) -> set[str]:
    """Columns of numbers: declared so, used by a derived column, or compared with numbers by a row-level rule."""
    made = {derived.name for derived in suite.derived}
    found = {*declared, *(name for derived in suite.derived for name in derived.columns)} - made
    for rule in suite.row_rules:
        bounds = [rule.kwargs.get("min_value"), rule.kwargs.get("max_value")]
        compared = [*(rule.kwargs.get("value_set") or ()), *(bound for bound in bounds if bound is not None)]
        lengths = rule.type == "expect_column_value_lengths_to_be_between"
        if compared and not lengths and all(_number(value) for value in compared):
            found |= set(rule.columns) - made
    return found


def text_columns(suite: Suite) -> set[str]:
    """Columns of text: a row-level rule matches them, measures their length or lists texts."""
    found: set[str] = set()
    for rule in suite.row_rules:
        values = rule.kwargs.get("value_set") or ()
        if "regex" in rule.kwargs or "lengths" in rule.type or (values and all(isinstance(v, str) for v in values)):
            found |= set(rule.columns)
    return found


def cast(frame: pd.DataFrame, numbers: set[str], texts: set[str]) -> tuple[pd.DataFrame, list[Misfit]]:
    """A copy with numeric columns as int64 or float64 (NaN where missing or not a finite number), text columns as text.

    Timestamps become nanoseconds where they fit. Other columns stay.

    Returns:
        The copy, and one :class:`Misfit` for each numeric column that has such values.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    misfits: list[Misfit] = []
    for name in frame.columns:
        column = frame[name]
        if name in numbers:
            columns[name], bad = _as_numbers(column)
            if bad.any():
                misfits.append(Misfit(name, bad, "not a finite number"))
        elif name in texts and not pd.api.types.is_datetime64_any_dtype(column.dtype):
            columns[name] = _as_text(column)
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            columns[name] = _nanoseconds(column)
        else:
            columns[name] = column
    return pd.DataFrame(columns, index=frame.index), misfits


def whole_numbers(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Numeric columns that hold only whole numbers as int64: what a missing value elsewhere had made float64."""
    frame = frame.copy(deep=False)
    for name in names:
        if name in frame.columns and frame[name].dtype == np.float64:
            values = frame[name].to_numpy()
            with np.errstate(invalid="ignore"):
                if len(values) and (np.abs(values) <= EXACT).all() and (values == np.floor(values)).all():
                    frame[name] = values.astype(np.int64)
    return frame


def derive(frame: pd.DataFrame, derived: Iterable[Derived]) -> pd.DataFrame:
    """``frame`` with the derived columns, float64; NaN where a part is missing or a divisor is 0."""
    frame = frame.copy(deep=False)
    for made in derived:
        parts = frame[list(made.columns)].astype(np.float64)
        if made.op in {"max", "min", "sum"}:
            frame[made.name] = getattr(parts, made.op)(axis=1, skipna=False)
        elif made.op == "difference":
            frame[made.name] = parts.iloc[:, 0] - parts.iloc[:, 1]
        else:
            frame[made.name] = parts.iloc[:, 0] / parts.iloc[:, 1].replace(0.0, np.nan)
    return frame


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_numbers(column: pd.Series) -> tuple[Any, Mask]:
    import pandas as pd

    if column.dtype == np.int64:
        return column, np.zeros(len(column), dtype=bool)
    if pd.api.types.is_bool_dtype(column.dtype) and not column.hasnans:
        return column.astype(np.int64), np.zeros(len(column), dtype=bool)
    missing = column.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return pd.Series(np.nan, index=column.index), ~missing
    if column.dtype == object:
        missing = missing | column.isin(MISSING).to_numpy()
    values = pd.to_numeric(column.where(~missing), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~missing & ~np.isfinite(values)
    return pd.Series(np.where(bad, np.nan, values), index=column.index), bad


def _as_text(column: pd.Series) -> pd.Series:
    if column.dtype == object:
        return column
    if column.dtype == np.float64:
        whole = column.dropna()
        if (whole == np.floor(whole)).all() and (whole.abs() <= EXACT).all():
            return column.map(lambda value: None if value != value else str(int(value))).astype(object)
    return column.map(lambda value: None if value != value else str(value)).astype(object)


def _nanoseconds(column: pd.Series) -> pd.Series:
    import pandas as pd

    try:
        return column.dt.as_unit("ns")
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        return column
