"""What a forecast reads and how far it looks ahead: the part of params.yaml that travels with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pipelines.config import Product
from pipelines.errors import ConfigError
from pipelines.problems.forecast.core.lags import Scale
from pipelines.problems.forecast.core.rhythm import RHYTHMS, Frequency, Rhythm

ORIGIN = "origin"
"""The field of a request, and column of prepare's rows, that says what was the last known step."""


@dataclass(frozen=True)
class Spec:
    """Roles of columns, horizon and scale.

    Attributes:
        series: column with the key of a series.
        time: column with the step.
        known_numeric: columns that a request brings, known in advance.
        known_categorical: likewise.
        static_numeric: columns that never change about a series.
        static_categorical: likewise.
        promotion: the known column whose two values are averaged apart, or None.
        frequency: the step.
        horizon: steps ahead.
        scale: of the errors that count.
        quantiles: levels, ascending.
    """

    series: str
    time: str
    known_numeric: tuple[str, ...]
    known_categorical: tuple[str, ...]
    static_numeric: tuple[str, ...]
    static_categorical: tuple[str, ...]
    promotion: str | None
    frequency: Frequency
    horizon: int
    scale: Scale
    quantiles: tuple[float, ...]

    @property
    def rhythm(self) -> Rhythm:
        return RHYTHMS[self.frequency]

    @property
    def known(self) -> tuple[str, ...]:
        """Columns that a request brings besides series, time and origin."""
        return (*self.known_numeric, *self.known_categorical)

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields of a request, in order."""
        return (self.series, self.time, ORIGIN, *self.known)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal spec back."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }  # fmt: skip

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Spec:
        fields: dict[str, Any] = {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
        return Spec(**fields)

    @staticmethod
    def of(product: Product) -> Spec:
        """The spec of a product's block.

        Raises:
            ConfigError: the block lacks what a forecast needs, or its quantiles are not ascending.
        """
        columns, settings = product.columns, product.prepare.forecast
        absent = [
            key
            for key, value in (
                ("columns.series", columns.series),
                ("columns.time", columns.time),
                ("prepare.forecast", settings),
            )
            if value is None
        ]
        if absent or settings is None:
            raise ConfigError(
                f"a forecast needs {absent[0]}",
                where={"file": "params.yaml", "key": absent[0]},
                next_step="name the series' key, the time column and the horizon; docs/forecasting.md shows a block",
            )
        if columns.task != "regression":
            raise ConfigError(
                f"a forecast's target is a quantity, not {columns.task}",
                where={"key": "columns.task"},
                next_step="set columns.task to regression",
            )
        if list(settings.quantiles) != sorted(set(settings.quantiles)):
            raise ConfigError(
                "the quantile levels are not ascending",
                where={"key": "prepare.forecast.quantiles"},
                next_step="write them from low to high, each once",
            )
        usable, known = set(product.feature_columns), set(columns.known)
        numeric = [name for name in columns.numeric if name in usable]
        categorical = [name for name in columns.categorical if name in usable]
        return Spec(
            series=cast(str, columns.series),
            time=cast(str, columns.time),
            known_numeric=tuple(name for name in numeric if name in known),
            known_categorical=tuple(name for name in categorical if name in known),
            static_numeric=tuple(name for name in numeric if name not in known),
            static_categorical=tuple(name for name in categorical if name not in known),
            promotion=columns.promotion,
            frequency=settings.frequency,
            horizon=settings.horizon,
            scale=settings.scale,
            quantiles=settings.quantiles,
        )
