"""A packaged model of a table, as the service and the gates ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.values import rows_to_columns
from pipelines.problems.base import DeriveFor
from pipelines.problems.tabular.answer.answers import as_answers
from pipelines.problems.tabular.answer.predictor import Predictor

REASONS = 5  # per row


class TableModel:
    """Answers raw rows; see :class:`pipelines.problems.base.Answering`."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.task = predictor.task
        self.classes = predictor.classes
        self.fields = predictor.fields

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One answer per row (:func:`as_answers`); ``explain`` adds the strongest ``reasons``."""
        design = self._predictor.design(rows_to_columns(rows, self.fields))
        answers = as_answers(self._predictor, self._predictor.predict(design))
        if explain:
            for answer, reasons in zip(answers, self._predictor.explain(design, REASONS), strict=True):
                answer["reasons"] = [reason.to_json() for reason in reasons]
        return answers

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Calibrated P(positive) ``[n]``, probabilities ``[n, k]``, or values ``[n]``."""
        return self._predictor.predict(columns)

    def member_scores(self, columns: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float64]]:
        """As :meth:`scores`, of each member alone, before they are blended and calibrated."""
        return self._predictor.member_scores(columns)


def load(folder: Path, derive_for: DeriveFor) -> TableModel:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, not readable, or does not fit the others.
    """
    return TableModel(Predictor.load(folder, derive_for))
