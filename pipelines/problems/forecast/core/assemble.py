"""One row of a model: the calendar, what is known in advance, what is fixed about the series, and its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.features.tabular import Derive, FeatureState, transform
from pipelines.features.values import as_numbers
from pipelines.problems.forecast.core.lags import Origin
from pipelines.problems.forecast.core.rhythm import Steps
from pipelines.problems.forecast.core.spec import Spec

Rows = NDArray[np.int64]


def states(spec: Spec, known: Mapping[str, NDArray[Any]], count: int) -> Rows:
    """The promotion state of ``count`` rows: 1 where the promotion column is above 0."""
    if spec.promotion is None:
        return np.zeros(count, dtype=np.int64)
    return (np.nan_to_num(as_numbers(known[spec.promotion])) > 0).astype(np.int64)


def raw_columns(
    spec: Spec, origin: Origin, series: Rows, steps: Steps, known: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Raw columns of ``n`` rows, ``{name: array [n]}``.

    Args:
        spec: roles of columns.
        origin: what is known.
        series: place of each row's series in the history.
        steps: step that is forecast.
        known: the known-in-advance columns of these rows.
    """
    columns: dict[str, NDArray[Any]] = {name: known[name] for name in spec.known}
    columns |= spec.rhythm.calendar(steps)
    static = origin.history.static
    columns |= {name: static[name][series] for name in (*spec.static_numeric, *spec.static_categorical)}
    return columns | origin.features(series, steps, states(spec, known, len(steps)))


def numeric_names(spec: Spec, columns: Mapping[str, NDArray[Any]]) -> list[str]:
    """Names of the numeric columns of :func:`raw_columns`, in order."""
    barred = {*spec.known_categorical, *spec.static_categorical}
    return [name for name in columns if name not in barred]


def design_of(
    spec: Spec,
    state: FeatureState,
    origin: Origin,
    series: Rows,
    steps: Steps,
    known: Mapping[str, NDArray[Any]],
    derive: Derive | None,
) -> Design:
    """Features of ``n`` rows of one origin."""
    return transform(state, raw_columns(spec, origin, series, steps, known), derive)


def stacked(designs: Sequence[Design]) -> Design:
    """Designs of the same columns, one below the other."""
    first = designs[0]
    return Design(
        np.concatenate([one.numeric for one in designs]),
        np.concatenate([one.categorical for one in designs]),
        first.numeric_names,
        first.categorical_names,
        first.cardinalities,
    )
