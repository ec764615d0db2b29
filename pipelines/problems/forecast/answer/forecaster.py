"""A packaged forecast as a function of raw rows. Evaluate, export, the gates and the service all answer through it.

Needs numpy and LightGBM; neither pandas, torch nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.features.design import Design
from pipelines.features.tabular import Derive, FeatureState
from pipelines.problems.base import DeriveFor
from pipelines.problems.common import reasons
from pipelines.problems.common.opening import exported_members, read_parts
from pipelines.problems.forecast.answer import quantiles
from pipelines.problems.forecast.answer.members import Member, Table, Trees, load_member
from pipelines.problems.forecast.core.assemble import design_of, states
from pipelines.problems.forecast.core.history import History, load_history
from pipelines.problems.forecast.core.lags import Array, Origin, origin_at
from pipelines.problems.forecast.core.rhythm import Steps, to_steps
from pipelines.problems.forecast.core.spec import ORIGIN, Spec

Raw = Mapping[str, NDArray[Any]]
KEPT_ORIGINS = 8  # in memory


@dataclass(frozen=True)
class Forecasts:
    """Answers for ``n`` rows.

    Attributes:
        point: demand ``[n]``.
        quantiles: ``[n, q]``.
        ahead: steps ahead of the origin ``[n]``.
        usual: mean demand in the same slot and promotion state before the origin ``[n]``; NaN where unknown.
    """

    point: Array
    quantiles: Array
    ahead: Steps
    usual: Array


@dataclass(frozen=True)
class Asked:
    """Rows of a request as numbers: place of the series, step, and origin of each ``[n]``."""

    series: NDArray[np.int64]
    steps: Steps
    origins: Steps


class Forecaster:
    """Forecasts of one product; safe to call from several threads: only the store of origins changes, by whole entries.

    Attributes:
        spec: roles of columns, horizon, scale.
        history: demand of all series.
        levels: of the quantiles.
    """

    def __init__(
        self,
        spec: Spec,
        state: FeatureState,
        history: History,
        choice: Mapping[str, Any],
        members: Sequence[Member],
        derive: Derive | None,
    ) -> None:
        self.spec = spec
        self.history = history
        self.levels: list[float] = list(choice["quantiles"]["levels"])
        self._state, self._choice, self._derive = state, choice, derive
        self._members = list(members)
        self._weights = [float(member["weight"]) for member in choice["members"]]
        self._origins: dict[int, Origin] = {}

    @staticmethod
    def load(folder: Path, derive_for: DeriveFor) -> Forecaster:
        """Read a bundle.

        Raises:
            BundleError: a file is missing, not readable, or does not fit the others.
        """
        return Forecaster.assemble(folder, folder / "choice.json", folder / "export.json", derive_for)

    @staticmethod
    def assemble(prepared: Path, choice: Path, export: Path, derive_for: DeriveFor) -> Forecaster:
        """As :meth:`load`, from files that lie apart: ``prepared`` holds the history and ``features.json``."""
        chosen, exported, stored = read_parts(choice, export, prepared / "features.json")
        spec, state = Spec.from_json(stored["spec"]), FeatureState.from_json(stored["state"])
        entries = exported_members(chosen, exported, export.parent.name)
        members = [load_member(export.parent, entry, spec.scale) for entry in entries]
        return Forecaster(spec, state, load_history(prepared), chosen, members, derive_for(state.module))

    @property
    def last(self) -> int:
        """The last step of the history: the origin where a row names none."""
        return self.history.end - 1

    @property
    def fixed_origins(self) -> list[int]:
        """The only origins that can be answered from, ascending; empty where every origin can."""
        tables = [set(member.tables) for member in self._members if isinstance(member, Table)]
        return sorted(set.intersection(*tables)) if tables else []

    def origin(self, step: int) -> Origin:
        """What is known at a step; kept for the next request."""
        found = self._origins.get(step)
        if found is None:
            found = origin_at(self.history, step, self.spec.scale)
            self._origins = {**dict(list(self._origins.items())[-KEPT_ORIGINS + 1 :]), step: found}
        return found

    def asked(self, columns: Raw) -> Asked:
        """Rows as numbers.

        Raises:
            DataError: an unknown series, a time that cannot be read, or a step outside the horizon; names the first.
        """
        spec = self.spec
        series = self.history.places(columns[spec.series])
        try:
            steps = to_steps(columns[spec.time], spec.frequency)
            named = columns[ORIGIN] if ORIGIN in columns else np.full(len(steps), None, dtype=object)
            empty = np.array([value is None or value != value for value in named.tolist()], dtype=bool)
            origins = np.full(len(steps), self.last, dtype=np.int64)
            origins[~empty] = to_steps(named[~empty], spec.frequency)
        except ValueError as error:
            raise DataError(str(error.args[0]), next_step="write times as ISO 8601, e.g. 2026-07-01") from error
        ahead = steps - origins
        wrong = (series < 0) | (ahead < 1) | (ahead > spec.horizon)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            what = "a series without a history" if series[row] < 0 else f"{ahead[row]} steps ahead of its origin"
            raise DataError(
                f"row {row} asks for {what}",
                where={"horizon": spec.horizon, "rows": int(wrong.sum())},
                next_step=f"ask for 1 to {spec.horizon} steps after the origin, of series that are known",
            )
        return Asked(series, steps, origins)

    def predict(self, columns: Raw) -> Forecasts:
        """Forecasts of raw columns ``{name: array [n]}``; a row's answer does not depend on the rows beside it.

        Raises:
            DataError: as :meth:`asked`.
        """
        asked = self.asked(columns)
        count = len(asked.steps)
        point, usual = np.zeros(count), np.full(count, np.nan)
        found = np.zeros((count, len(self.levels)))
        for step in np.unique(asked.origins).tolist():
            rows = np.flatnonzero(asked.origins == step)
            origin = self.origin(step)
            series, steps = asked.series[rows], asked.steps[rows]
            known = {name: columns[name][rows] for name in self.spec.known}
            point[rows] = self._point(origin, series, steps, known)
            found[rows] = quantiles.spread_around(self._choice["quantiles"], origin, series, point[rows], steps)
            usual[rows] = origin.usual(series, steps, states(self.spec, known, len(rows)))
        return Forecasts(point, found, asked.steps - asked.origins, usual)

    def _point(self, origin: Origin, series: NDArray[np.int64], steps: Steps, known: Raw) -> Array:
        design = None
        if any(member.needs_features for member in self._members):
            design = self._design(origin, series, steps, known)
        return blend(
            [member.point(origin, series, steps, design) for member in self._members], self._weights
        )  # fmt: skip

    def _design(self, origin: Origin, series: NDArray[np.int64], steps: Steps, known: Raw) -> Design:
        return design_of(self.spec, self._state, origin, series, steps, known, self._derive)

    def explain(self, columns: Raw, top: int) -> list[list[reasons.Reason]]:
        """Per row the strongest reasons, by exact SHAP values of the trees; none where a table answers."""
        trees = next((member for member in self._members if isinstance(member, Trees)), None)
        asked = self.asked(columns)
        if trees is None:
            return [[] for _ in asked.steps]
        answers: list[list[reasons.Reason]] = [[] for _ in asked.steps]
        for step in np.unique(asked.origins).tolist():
            rows = np.flatnonzero(asked.origins == step)
            known = {name: columns[name][rows] for name in self.spec.known}
            design = self._design(self.origin(step), asked.series[rows], asked.steps[rows], known)
            values = trees.scorer.contributions(design)[..., :-1]
            for row, found in zip(
                rows.tolist(), reasons.strongest(design, values, self._state.categorical, top), strict=True
            ):
                answers[row] = found
        return answers


def blend(points: Sequence[Array], weights: Sequence[float]) -> Array:
    """The weighted mean of point forecasts ``[n]``; a single one is passed on untouched."""
    if len(points) == 1:
        return points[0]
    total = np.zeros(())
    for point, weight in zip(points, weights, strict=True):
        total = total + weight * point
    return np.asarray(total, dtype=np.float64)
