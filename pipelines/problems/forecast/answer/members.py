"""The exported models of a forecast in memory: trees or a network over features, or a table of forecasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError, DataError
from pipelines.features.design import Design
from pipelines.files import read_json
from pipelines.models.sequence import SequenceNet
from pipelines.problems.common.scorers import LightgbmScorer, load_scorer
from pipelines.problems.forecast.core.lags import Array, Origin, Scale, absolute
from pipelines.problems.forecast.core.rhythm import Steps
from pipelines.problems.forecast.core.window import relatives


class Member(Protocol):
    """One model.

    Attributes:
        needs_features: whether :meth:`point` reads the design.
    """

    needs_features: bool

    def point(self, origin: Origin, series: NDArray[np.int64], steps: Steps, design: Design | None) -> Array:
        """Point forecasts, demand ``[n]``."""
        ...


class Trees:
    """LightGBM over the features of an origin."""

    needs_features = True

    def __init__(self, scorer: LightgbmScorer, scale: Scale) -> None:
        self.scorer = scorer
        self._scale = scale

    def point(self, origin: Origin, series: NDArray[np.int64], steps: Steps, design: Design | None) -> Array:  # noqa: ARG002
        """See :meth:`Member.point`."""
        assert design is not None
        return absolute(self.scorer.score(design), origin.level[series], self._scale)


class Table:
    """Forecasts per origin, series and step, as a statistical model made them."""

    needs_features = False

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.tables = {
            int(origin): np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=np.float64)
            for origin, rows in content["forecasts"].items()
        }

    def point(self, origin: Origin, series: NDArray[np.int64], steps: Steps, design: Design | None) -> Array:  # noqa: ARG002
        """See :meth:`Member.point`.

        Raises:
            DataError: the model was not fitted at this origin.
        """
        if origin.step not in self.tables:
            raise DataError(
                "a statistical model answers only from the origins that it was fitted at",
                where={"origins": sorted(self.tables)},
                next_step="leave the origin out",
            )
        return self.tables[origin.step][series, steps - origin.step - 1]


class Sequence:
    """Recurrent networks over the last steps of a series and the features of a step; the mean of them answers."""

    needs_features = True

    def __init__(self, nets: Iterable[SequenceNet], scale: Scale) -> None:
        self._nets = list(nets)
        self._scale = scale

    def point(self, origin: Origin, series: NDArray[np.int64], steps: Steps, design: Design | None) -> Array:  # noqa: ARG002
        """See :meth:`Member.point`."""
        assert design is not None
        found = relatives(self._nets, origin, series, design)
        return absolute(found, origin.level[series], self._scale)


def load_member(folder: Path, entry: Mapping[str, Any], scale: Scale) -> Member:
    """One entry of ``export.json``'s ``members``.

    Raises:
        BundleError: a file is missing or unreadable.
    """
    if entry["format"] == "sequence":
        return Sequence([SequenceNet.load(folder / name) for name in entry["files"]], scale)
    if entry["format"] != "table":
        scorer = load_scorer(folder, entry)
        assert isinstance(scorer, LightgbmScorer)
        return Trees(scorer, scale)
    try:
        return Table(read_json(folder / entry["files"][0]))
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise BundleError(
            f"the table of forecasts cannot be read: {error}",
            where={"model": entry["model"]},
            next_step="export and pack the model again",
        ) from error
