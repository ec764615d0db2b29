"""A packaged uplift model, as the service and the gates ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.values import rows_to_columns
from pipelines.problems.base import DeriveFor
from pipelines.problems.uplift.answer.answers import as_answers
from pipelines.problems.uplift.answer.predictor import Predictor

REASONS = 5  # per row


class UpliftModel:
    """Answers raw rows; see :class:`pipelines.problems.base.Answering`."""

    task = "uplift"

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.classes = predictor.arms
        self.fields: Sequence[str] = predictor.fields

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One answer per row (:func:`as_answers`); ``explain`` adds the strongest ``reasons`` for the best offer's
        uplift, in its units."""
        design = self.predictor.design(rows_to_columns(rows, self.fields))
        told = self.predictor.told(design)
        answers = as_answers(self.predictor, told)
        if explain:
            best = np.argmax(self.predictor.uplift(told), axis=1)
            values = self.predictor.contributions(design)[np.arange(len(rows)), best]
            names = (*design.numeric_names, *design.categorical_names)
            for place, answer in enumerate(answers):
                answer["reasons"] = self._reasons(rows[place], names, values[place], int(best[place]))
        return answers

    def _reasons(
        self, row: Mapping[str, Any], names: Sequence[str], values: NDArray[np.float64], best: int
    ) -> list[dict[str, Any]]:
        order = np.argsort(-np.abs(values), kind="stable")[:REASONS]
        arm = str(self.classes[best + 1])
        return [
            {"feature": names[at], "value": row.get(names[at]), "contribution": round(float(values[at]), 6), "arm": arm}
            for at in order.tolist()
            if values[at] != 0.0
        ]

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Expected uplift of each arm ``[n, k]``."""
        return self.predictor.uplift(self.predictor.told(columns))


def load(folder: Path, derive_for: DeriveFor) -> UpliftModel:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, not readable, or does not fit the others.
    """
    return UpliftModel(Predictor.load(folder, derive_for))
