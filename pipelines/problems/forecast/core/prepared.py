"""The prepare folder, read back: the one way that train, evaluate and export meet the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.features.design import Design
from pipelines.features.tabular import Derive, FeatureState
from pipelines.files import read_json, read_parquet
from pipelines.models.base import Task
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.forecast.core.assemble import design_of, stacked
from pipelines.problems.forecast.core.history import History, load_history
from pipelines.problems.forecast.core.lags import Array, Origin, origin_at, relative, worked
from pipelines.problems.forecast.core.rhythm import Steps, to_steps, to_text
from pipelines.problems.forecast.core.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.int64]
LARGEST = 50.0  # a relative value that is learned from is at most so many times (log: so far from) the level


@dataclass(frozen=True)
class Samples:
    """Rows of many origins, to learn from.

    Attributes:
        design: features ``[n]``.
        y: float64 ``[n]``: demand relative to the series' level at the origin, on the working scale.
        rows: positions in prepare's rows.
        origins: origin of each.
        weight: float64 ``[n]``, or None where all count alike: on the ratio scale the inverse of the series' squared
            spread, so that an item that sells now and then does not drown the others in its noise.
    """

    design: Design
    y: Array
    rows: Rows
    origins: Steps
    weight: Array | None = None


@dataclass(frozen=True)
class Prepared:
    """All rows of the prepare stage, ``n`` of them; a row's position is its ``_row`` elsewhere.

    Attributes:
        frame: the rows as in ``rows.parquet``.
        spec: roles of columns, horizon, scale.
        state: the feature state.
        history: demand of all series.
        schema: ``schema.json``.
        series: place of each row's series in the history ``[n]``.
        steps: step of each row ``[n]``.
        y: demand, float64 ``[n]``.
        split: ``train``, ``valid`` or ``test`` per row ``[n]``.
        derive: the product's derived features.
    """

    frame: pd.DataFrame
    spec: Spec
    state: FeatureState
    history: History
    schema: dict[str, Any]
    series: Rows
    steps: Steps
    y: Array
    split: NDArray[np.str_]
    derive: Derive | None

    @property
    def task(self) -> Task:
        return "regression"

    @property
    def classes(self) -> list[Any]:
        """None: a forecast is a quantity."""
        return []

    @property
    def last(self) -> int:
        """The last step with a row: the origin in production."""
        return int(self.steps.max())

    def origin_of(self, side: str) -> int:
        """The origin from which the steps of ``valid`` or ``test`` are forecast."""
        return self.last - self.spec.horizon * {"test": 1, "valid": 2}[side]

    def rows(self, *splits: str) -> Rows:
        """Positions of the rows of these sides, ascending."""
        return np.flatnonzero(np.isin(self.split, splits)).astype(np.int64)

    @cached_property
    def known(self) -> dict[str, NDArray[Any]]:
        """The known-in-advance columns of all rows."""
        return frame_columns(self.frame, self.spec.known)

    def origin(self, step: int) -> Origin:
        """What is known at a step."""
        return origin_at(self.history, step, self.spec.scale)

    def design(self, origin: Origin, rows: Rows) -> Design:
        """Features of these rows, seen from an origin."""
        known = {name: values[rows] for name, values in self.known.items()}
        return design_of(self.spec, self.state, origin, self.series[rows], self.steps[rows], known, self.derive)

    def side(self, side: str) -> tuple[Origin, Rows]:
        """The origin and the rows of ``valid`` or ``test``, only those of series with a history."""
        origin, rows = self.origin(self.origin_of(side)), self.rows(side)
        return origin, rows[~np.isnan(origin.level[self.series[rows]])]

    def whole_side(self, side: str) -> Samples:
        """All rows of ``valid`` or ``test`` from its origin."""
        origin, rows = self.side(side)
        origins = np.full(len(rows), origin.step, dtype=np.int64)
        return Samples(
            self.design(origin, rows), self.relative_y(origin, rows), rows, origins, self.weights(origin, rows)
        )

    def relative_y(self, origin: Origin, rows: Rows) -> Array:
        """Demand of these rows relative to their series' level at an origin."""
        scale = self.spec.scale
        return relative(worked(self.y[rows], scale), origin.level[self.series[rows]], scale)

    def weights(self, origin: Origin, rows: Rows) -> Array | None:
        """How much these rows count; see :class:`Samples`."""
        return None if self.spec.scale == "log" else 1.0 / origin.spread[self.series[rows]] ** 2

    def samples(self, until: int, settings: Any, seed: int = 0) -> Samples:
        """Rows to learn from: rolling origins whose whole horizon ends at or before the step ``until``.

        Args:
            until: last step whose demand may be learned from.
            settings: the product's ``prepare.forecast`` block: origins, stride, max_rows.
            seed: of the sample.

        Raises:
            DataError: there is no such origin with rows.
        """
        picked = [
            (step, rows)
            for step in range(until - self.spec.horizon, self.history.start, -settings.stride)[: settings.origins]
            if len(rows := np.flatnonzero((self.steps > step) & (self.steps <= step + self.spec.horizon)))
        ]
        share = settings.max_rows / max(1, sum(len(rows) for _, rows in picked))
        rng = np.random.Generator(np.random.PCG64(seed))
        designs, ys, kept, origins, weights = [], [], [], [], []
        for step, rows in picked:
            if share < 1.0:
                rows = rows[rng.random(len(rows)) < share]
            origin = self.origin(step)
            rows = rows[~np.isnan(origin.level[self.series[rows]])]
            if not len(rows):
                continue
            designs.append(self.design(origin, rows))
            ys.append(np.clip(self.relative_y(origin, rows), -LARGEST, LARGEST))
            kept.append(rows)
            origins.append(np.full(len(rows), step, dtype=np.int64))
            weights.append(self.weights(origin, rows))
        if not kept:
            raise DataError(
                "no rolling origin has rows to learn from",
                where={"until": to_text(until, self.spec.frequency), "horizon": self.spec.horizon},
                next_step="bring a longer history, or shorten prepare.forecast.horizon",
            )
        weight = None if weights[0] is None else np.concatenate([one for one in weights if one is not None])
        return Samples(stacked(designs), np.concatenate(ys), np.concatenate(kept), np.concatenate(origins), weight)


def load_prepared(folder: Path, target: str, derive: Derive | None) -> Prepared:
    """Read a prepare folder.

    Args:
        folder: the out folder of prepare.
        target: the target column.
        derive: the product's derived features, or None.
    """
    frame = read_parquet(folder / "rows.parquet")
    stored = read_json(folder / "features.json")
    spec = Spec.from_json(stored["spec"])
    history = load_history(folder)
    return Prepared(
        frame=frame,
        spec=spec,
        state=FeatureState.from_json(stored["state"]),
        history=history,
        schema=read_json(folder / "schema.json"),
        series=history.places(frame[spec.series].to_numpy()),
        steps=to_steps(frame[spec.time].to_numpy(), spec.frequency),
        y=frame[target].to_numpy().astype(np.float64),
        split=frame["_split"].to_numpy().astype(str),
        derive=derive,
    )
