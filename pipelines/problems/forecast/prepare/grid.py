"""Rows as a grid of series and steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipelines.errors import DataError
from pipelines.features.values import as_numbers, category_key
from pipelines.problems.forecast.core.history import History, object_array
from pipelines.problems.forecast.core.rhythm import Steps, to_text
from pipelines.problems.forecast.core.spec import Spec

if TYPE_CHECKING:
    import pandas as pd


def build(frame: pd.DataFrame, spec: Spec, target: str, steps: Steps) -> tuple[History, dict[str, int]]:
    """The history of all rows, and static columns that are not static: ``{column: series in which it changes}``.

    Raises:
        DataError: a key is missing, two rows of one series and step, a promotion column that is not 0 or 1.
    """
    import pandas as pd

    keys = frame[spec.series].map(category_key)
    if keys.isna().any():
        raise DataError(
            f"{int(keys.isna().sum())} rows name no series",
            where={"column": spec.series, "rows": len(frame)},
            next_step="refuse such rows in the suite",
        )
    codes, names = pd.factorize(keys, sort=True)
    start, end = int(steps.min()), int(steps.max()) + 1
    place = codes.astype(np.int64) * (end - start) + (steps - start)
    unique, first = np.unique(place, return_index=True)
    if len(unique) < len(place):
        twice = int(np.setdiff1d(np.arange(len(place)), first)[0])
        raise DataError(
            f"{len(place) - len(unique)} rows repeat the series and step of another, e.g. {names[codes[twice]]} at"
            f" {to_text(int(steps[twice]), spec.frequency)}",
            where={"column": f"{spec.series}, {spec.time}", "rows": len(place)},
            next_step="ask for unique pairs in the suite: expect_compound_columns_to_be_unique",
        )
    values = np.full((len(names), end - start), np.nan, dtype=np.float32)
    values[codes, steps - start] = as_numbers(frame[target].to_numpy())
    state = np.where(np.isnan(values), -1, 0).astype(np.int8)
    if spec.promotion is not None:
        state[codes, steps - start] = _promotions(frame, spec)
    static, moving = {}, {}
    for name in (*spec.static_numeric, *spec.static_categorical):
        column = frame[name].astype(object).where(frame[name].notna(), None)
        static[name] = object_array([None] * len(names))
        static[name][codes[::-1]] = column.to_numpy()[::-1]
        changing = int((column.map(category_key).groupby(codes).nunique(dropna=True) > 1).sum())
        if changing:
            moving[name] = changing
    return History(spec.frequency, start, tuple(str(name) for name in names), values, state, static), moving


def _promotions(frame: pd.DataFrame, spec: Spec) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    values = as_numbers(frame[spec.promotion].to_numpy())
    strange = ~np.isin(values, (0.0, 1.0))
    if strange.any():
        raise DataError(
            f"{int(strange.sum())} values are neither 0 nor 1, e.g. {values[strange][0]:g}",
            where={"column": spec.promotion, "rows": len(values)},
            next_step="mend the column, or leave columns.promotion empty",
        )
    return values.astype(np.int8)
