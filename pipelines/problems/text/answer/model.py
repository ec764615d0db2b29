"""A packaged text model, as the service and the gates ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.text import clean
from pipelines.problems.base import DeriveFor
from pipelines.problems.text.answer import cases
from pipelines.problems.text.answer.answers import as_answers
from pipelines.problems.text.answer.predictor import Predictor
from pipelines.problems.text.answer.reasons import reasons

REASONS = 6  # words per candidate
EXPLAINED = 2  # candidates
EVIDENCE = 3  # cases per text


class TextModel:
    """Answers raw rows; see :class:`pipelines.problems.base.Answering`."""

    def __init__(self, predictor: Predictor, known: cases.Cases | None) -> None:
        self._predictor = predictor
        self._cases = known
        self.task = predictor.task
        self.classes = predictor.classes
        self.fields: Sequence[str] = (predictor.field,)

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One answer per row (:func:`as_answers`).

        ``explain`` adds ``reasons`` (for each of the two first candidates: the words for and against it) and
        ``evidence`` (the nearest train cases).
        """
        texts = [clean(str(row[self._predictor.field])) for row in rows]
        scores = self._predictor.of_clean(texts)
        answers = as_answers(self._predictor, scores)
        if explain:
            for text, row, answer in zip(texts, scores, answers, strict=True):
                first = np.argsort(-row, kind="stable")[:EXPLAINED].tolist()
                answer["reasons"] = [
                    {"label": self.classes[place], "words": reasons(self._predictor, text, place, REASONS)}
                    for place in first
                ]
                answer["evidence"] = [] if self._cases is None else self._cases.nearest(self._predictor, text, EVIDENCE)
        return answers

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Calibrated probabilities ``[n, k]``."""
        return self._predictor.predict(columns[self._predictor.field].tolist())


def load(folder: Path, derive_for: DeriveFor) -> TextModel:  # noqa: ARG001 - every problem's signature
    """Read a bundle.

    Raises:
        BundleError: a file is missing, not readable, or does not fit the others.
    """
    predictor = Predictor.assemble(folder / "choice.json", folder / "schema.json", folder / "export.json")
    return TextModel(predictor, cases.load(folder))
