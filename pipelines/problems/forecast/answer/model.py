"""A packaged forecast, as the service and the gates ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.values import rows_to_columns
from pipelines.problems.base import DeriveFor
from pipelines.problems.forecast.answer.answers import as_answers
from pipelines.problems.forecast.answer.forecaster import Forecaster
from pipelines.problems.forecast.core.rhythm import to_steps, to_text
from pipelines.problems.forecast.core.spec import ORIGIN

REASONS = 5  # per row


class ForecastModel:
    """Answers raw rows; see :class:`pipelines.problems.base.Answering`.

    A row names a series, the step that is asked for, what is known in advance of it, and may name an origin: then
    nothing that the history holds after it is used.
    """

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster
        self.task = "regression"
        self.classes: list[Any] = []
        self.fields: Sequence[str] = forecaster.spec.fields
        forecaster.origin(forecaster.last)

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One answer per row (:func:`as_answers`); ``explain`` adds the strongest ``reasons``."""
        columns = rows_to_columns(rows, self.fields)
        answers = as_answers(self.forecaster.predict(columns), self.forecaster.levels)
        if explain:
            for answer, reasons in zip(answers, self.forecaster.explain(columns, REASONS), strict=True):
                answer["reasons"] = [reason.to_json() for reason in reasons]
        return answers

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Point forecast, then the quantiles ``[n, 1 + q]``."""
        found = self.forecaster.predict(columns)
        return np.column_stack([found.point, found.quantiles])

    def complaints(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, str]]:
        """What is wrong with rows whose fields are of the right form: ``(row, field, words)``.

        A series without a history, a time that cannot be read, an origin that the history does not reach, a step
        outside the horizon: nothing is made up for any of them.
        """
        found: list[tuple[int, str, str]] = []
        for place, row in enumerate(rows):
            complaint = self._complaint(row)
            if complaint is not None:
                found.append((place, *complaint))
        return found

    def _complaint(self, row: Mapping[str, Any]) -> tuple[str, str] | None:
        spec, history, last = self.forecaster.spec, self.forecaster.history, self.forecaster.last
        unit, horizon = spec.frequency, spec.horizon
        key = row[spec.series]
        series = int(history.places(np.array([key], dtype=object))[0])
        if series < 0:
            return spec.series, f"{key!r} has no history; the model knows {len(history.keys)} series"
        given = row.get(ORIGIN)
        origin = last if given is None else _step(given, unit)
        if origin is None:
            return ORIGIN, f"{given!r} is not an ISO 8601 {unit}"
        if not last - horizon <= origin <= last:
            return (
                ORIGIN,
                f"must be from {to_text(last - horizon, unit)} to {to_text(last, unit)}, the last known {unit}",
            )
        step = _step(row[spec.time], unit)
        if step is None:
            return spec.time, f"{row[spec.time]!r} is not an ISO 8601 {unit}"
        if not 1 <= step - origin <= horizon:
            first, end = to_text(origin + 1, unit), to_text(origin + horizon, unit)
            return spec.time, f"is {step - origin} {unit}s ahead of the origin; the model answers for {first} to {end}"
        past = history.cut(origin + 1 - spec.rhythm.reach, origin + 1).values[series]
        if np.isnan(past).all():
            return spec.series, f"{key!r} has no history up to {to_text(origin, unit)}"
        return None


def _step(value: Any, unit: Any) -> int | None:
    try:
        return int(to_steps(np.array([value], dtype=object), unit)[0])
    except ValueError:
        return None


def load(folder: Path, derive_for: DeriveFor) -> ForecastModel:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, not readable, or does not fit the others.
    """
    return ForecastModel(Forecaster.load(folder, derive_for))
