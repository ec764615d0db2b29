"""The prepare stage of a forecast: grid of steps, split by time, features of rolling origins, leakage check, schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError, DataError
from pipelines.features.tabular import Derive, FeatureState, fit
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.forecast.core.assemble import numeric_names, raw_columns
from pipelines.problems.forecast.core.history import History
from pipelines.problems.forecast.core.lags import origin_at
from pipelines.problems.forecast.core.rhythm import Steps, to_steps, to_text
from pipelines.problems.forecast.core.spec import ORIGIN, Spec
from pipelines.problems.forecast.prepare import grid, leakage, schema
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

MIN_SERIES = 2
FIT_ORIGINS = 6  # origins whose rows the feature state is learned from


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``rows.parquet``, ``history.npz``, ``series.json``, ``features.json``, ``schema.json`` and ``report.json``.

    The last ``horizon`` steps are the test side, the ``horizon`` before them valid. Both are forecast from the step
    before they begin (column ``origin``). Everything earlier is train.

    Raises:
        ConfigError: the block lacks what a forecast needs.
        DataError: too few steps or series, two rows of one series and step, a promotion column that is not 0 or 1.
    """
    product = step.product
    spec = Spec.of(product)
    frame = read_parquet(step.input("label") / "rows.parquet")
    if ORIGIN in frame:
        raise ConfigError(
            f"the rows have a column {ORIGIN!r}, which is the name of the origin of a forecast",
            where={"column": ORIGIN},
            next_step="rename it in the source",
        )
    steps = to_steps(frame[spec.time].to_numpy(), spec.frequency)
    frame[spec.time] = _as_text(steps, spec)
    history, moving = grid.build(frame, spec, product.columns.target, steps)
    side, origins = _sides(steps, spec)
    _require(history, side, spec)
    frame[ORIGIN] = _origin_column(side, origins, spec)
    frame["_split"], frame["_weight"] = side, np.ones(len(frame))

    state = _fit(frame, spec, history, steps, origins["valid"], derive, product)
    leaks = leakage.moved_features(history, spec, origins["test"])
    write_parquet(step.out / "rows.parquet", frame)
    history.save(step.out)
    write_json(step.out / "features.json", {"spec": spec.to_json(), "state": state.to_json()})
    write_json(step.out / "schema.json", schema.build(product, spec, history, frame, steps, origins))
    counts = {name: int((side == name).sum()) for name in ("train", "valid", "test")}
    report: dict[str, Any] = {
        "rows": len(frame),
        "splits": counts,
        "split_by": "time: the last horizon is test, the one before valid",
        "series": len(history.keys),
        "steps": {
            "first": to_text(history.start, spec.frequency),
            "last": to_text(history.end - 1, spec.frequency),
            "valid_origin": to_text(origins["valid"], spec.frequency),
            "test_origin": to_text(origins["test"], spec.frequency),
        },
        "known_share": json_number(float((~np.isnan(history.values)).mean()), 6),
        "features": {
            "numeric": len(state.numeric),
            "derived": len(state.derived),
            "categorical": {name: len(values) for name, values in state.categorical.items()},
            "dropped": dict(state.dropped),
        },
        "changing_static": moving,
        "features_that_saw_the_future": leaks,
    }
    write_json(step.out / "report.json", report)
    return from_checks("prepare", step.name, _checks(moving, leaks), "list columns that change under columns.known")


def _sides(steps: Steps, spec: Spec) -> tuple[NDArray[np.str_], dict[str, int]]:
    last = int(steps.max())
    origins = {"test": last - spec.horizon, "valid": last - 2 * spec.horizon}
    side = np.full(len(steps), "train", dtype="<U5")
    side[steps > origins["valid"]] = "valid"
    side[steps > origins["test"]] = "test"
    return side, origins


def _as_text(steps: Steps, spec: Spec) -> NDArray[Any]:
    """ISO 8601 text, as a client writes it."""
    unique, place = np.unique(steps, return_inverse=True)
    return np.array([to_text(step, spec.frequency) for step in unique.tolist()], dtype=object)[place.reshape(-1)]


def _origin_column(side: NDArray[np.str_], origins: dict[str, int], spec: Spec) -> NDArray[Any]:
    column = np.full(len(side), None, dtype=object)
    for name, origin in origins.items():
        column[side == name] = to_text(origin, spec.frequency)
    return column


def _require(history: History, side: NDArray[np.str_], spec: Spec) -> None:
    length = history.values.shape[1]
    least = 3 * spec.horizon + spec.rhythm.season
    if length < least:
        raise DataError(
            f"the series span {length} steps; a horizon of {spec.horizon} needs at least {least} to learn, choose and"
            " judge",
            where={"column": spec.time, "horizon": spec.horizon},
            next_step="bring a longer history, or shorten prepare.forecast.horizon",
        )
    if len(history.keys) < MIN_SERIES:
        raise DataError(
            f"{len(history.keys)} series: intervals are drawn over series",
            where={"column": spec.series},
            next_step=f"bring at least {MIN_SERIES} series",
        )
    empty = [name for name in ("train", "valid", "test") if not (side == name).any()]
    if empty:
        raise DataError(
            f"no row on the {empty[0]} side", where={"column": spec.time}, next_step="bring the rows of that stretch"
        )


def _fit(
    frame: pd.DataFrame,
    spec: Spec,
    history: History,
    steps: Steps,
    until: int,
    derive: Derive | None,
    product: Product,
) -> FeatureState:
    """The feature state, from rows of the last few origins before the valid side."""
    known = frame_columns(frame, spec.known)
    series = history.places(frame[spec.series].to_numpy())
    parts: list[dict[str, NDArray[Any]]] = []
    for number in range(FIT_ORIGINS):
        step = until - spec.horizon * (number + 1)
        rows = np.flatnonzero((steps > step) & (steps <= step + spec.horizon))
        if step < history.start or not len(rows):
            break
        part = {name: values[rows] for name, values in known.items()}
        origin = origin_at(history, step, spec.scale)
        parts.append(raw_columns(spec, origin, series[rows], steps[rows], part))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return fit(
        columns,
        numeric_names(spec, columns),
        [*spec.known_categorical, *spec.static_categorical],
        derive=derive,
        module=product.columns.features,
        max_categories=product.prepare.max_categories,
        only_derived=product.columns.sources,
    )


def _checks(moving: dict[str, int], leaks: list[str]) -> list[Check]:
    return [
        Check(
            name="static_columns",
            ok=not moving,
            value=len(moving),
            limit=0,
            unit="columns",
            detail="; ".join(f"{name} changes within {count} series" for name, count in moving.items())
            or "what is not known in advance never changes within a series",
        ),
        Check(
            name="future",
            ok=not leaks,
            value=len(leaks),
            limit=0,
            unit="features",
            detail=f"{', '.join(leaks[:5])} changed when only the future did"
            if leaks
            else "no feature of the test origin changes when later demand does",
        ),
    ]
