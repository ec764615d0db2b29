"""The arms of a randomised test: the control first, then the offers in order of their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.columns import Columns
from pipelines.blocks.stages import Campaign
from pipelines.errors import ConfigError, DataError
from pipelines.features.values import as_keys, category_key
from pipelines.metrics.uplift import Stakes
from pipelines.problems.common.targets import distinct

MAX_ARMS = 12
TASK = "uplift"


@dataclass(frozen=True)
class Arms:
    """``names[0]`` is the control; an arm's number is its place."""

    names: tuple[Any, ...]

    @staticmethod
    def learn(columns: Columns, values: NDArray[Any]) -> Arms:
        """The arms that the rows hold.

        Raises:
            ConfigError: params.yaml does not name the treatment or the control.
            DataError: no control arm, no other arm, or too many of them.
        """
        require_named(columns)
        found = distinct(values)
        control = [value for value in found if category_key(value) == category_key(columns.control)]
        where = {"column": columns.treatment, "rows": len(values), "arms": [str(value) for value in found[:8]]}
        if not control:
            raise DataError(
                f"no control arm: no row has {columns.treatment} = {columns.control!r}",
                where=where,
                next_step="bring customers who were left alone by chance; without them no effect can be known",
            )
        others = [value for value in found if value != control[0]]
        if not others or len(others) > MAX_ARMS:
            raise DataError(
                "no arm but the control" if not others else f"{len(others)} arms; at most {MAX_ARMS} are supported",
                where=where,
                next_step="bring customers of each offer, one value of the treatment column per offer",
            )
        return Arms((control[0], *others))

    @staticmethod
    def from_schema(schema: Mapping[str, Any]) -> Arms:
        """As written into ``schema.json``."""
        return Arms(tuple(schema["classes"]))

    @property
    def offers(self) -> tuple[Any, ...]:
        """All but the control."""
        return self.names[1:]

    def encode(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Number of each row's arm, ``[n]``.

        Raises:
            DataError: a value that is none of the arms.
        """
        place = {category_key(name): number for number, name in enumerate(self.names)}
        position, keys = as_keys(values)
        unknown = [key for key in keys if key not in place]
        if unknown:
            raise DataError(
                f"unknown arm {unknown[0]!r}",
                where={"arms": ", ".join(map(str, self.names))},
                next_step="prepare the rows again: the arms have changed",
            )
        return np.array([place[key] for key in keys] or [0], dtype=np.int64)[position]

    def stakes(self, campaign: Campaign) -> Stakes:
        """Value and costs in the order of the offers.

        Raises:
            ConfigError: a cost for an arm that the rows do not hold.
        """
        costs = {category_key(name): cost for name, cost in campaign.costs.items()}
        strange = sorted(map(str, set(costs) - {category_key(name) for name in self.offers}))
        if strange:
            raise ConfigError(
                f"a cost for the arm {strange[0]!r}, which no customer was in",
                where={"key": "evaluate.campaign.costs"},
                next_step=f"the arms are: {', '.join(map(str, self.offers))}",
            )
        return Stakes(campaign.value, tuple(costs.get(category_key(name), 0.0) for name in self.offers))


def require_named(columns: Columns) -> None:
    """Treatment and control are named in params.yaml.

    Raises:
        ConfigError: they are not.
    """
    if columns.treatment is None or columns.control is None:
        raise ConfigError(
            "uplift needs to know what was done to each customer",
            where={"key": "columns.treatment, columns.control"},
            next_step="name the column with the arms, and which of its values means no contact",
        )


def require_rows(arm: NDArray[np.int64], arms: Arms, least: int, where: str) -> None:
    """Every arm must have rows enough to say something.

    Raises:
        DataError: names the arm and its rows.
    """
    counts = np.bincount(arm, minlength=len(arms.names))
    for name, count in zip(arms.names, counts.tolist(), strict=True):
        if count < least:
            raise DataError(
                f"the arm {name!r} has {count} rows{where}, at least {least} are needed",
                where={"arms": dict(zip(map(str, arms.names), counts.tolist(), strict=True))},
                next_step="bring more customers of it, leave the arm out, or lower prepare.min_arm_rows on purpose",
            )
