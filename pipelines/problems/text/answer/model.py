"""A packaged text model, as the service and the gates ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.features.text import clean
from pipelines.files import read_json
from pipelines.problems.base import DeriveFor
from pipelines.problems.text.answer import cases
from pipelines.problems.text.answer.answers import as_answers
from pipelines.problems.text.answer.predictor import Predictor
from pipelines.problems.text.answer.reasons import reasons
from pipelines.problems.text.core.several import stacked

REASONS = 6  # words per candidate
EXPLAINED = 2  # candidates
EVIDENCE = 3  # cases per text


class TextModel:
    """Answers raw rows; see :class:`pipelines.problems.base.Answering`."""

    def __init__(self, predictor: Predictor, known: cases.Cases | None, scope: float | None = None) -> None:
        self._predictor = predictor
        self._cases = known
        self._scope = scope if known is not None else None
        self.task = predictor.task
        self.classes = predictor.classes
        self.fields: Sequence[str] = (predictor.field,)

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One answer per row (:func:`as_answers`); with a scope also ``in_scope``, and in ``scope`` the similarity to
        the nearest packed case and the threshold that it is held against.

        ``explain`` adds ``reasons`` (for each of the two first candidates: the words for and against it) and
        ``evidence`` (the nearest train cases).
        """
        texts = [clean(str(row[self._predictor.field])) for row in rows]
        scores = self._predictor.of_clean(texts)
        answers = as_answers(self._predictor, scores)
        if self._scope is not None and self._cases is not None and texts:
            nearest = self._cases.similarities(self._predictor, texts).max(axis=1).tolist()
            for answer, similarity in zip(answers, nearest, strict=True):
                answer["in_scope"] = bool(similarity >= self._scope)
                answer["scope"] = {"similarity": similarity, "threshold": self._scope}
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
        """Calibrated probabilities ``[n, k]``; several labels per text: with the decisions ``[n, k, 2]``."""
        found = self._predictor.predict(columns[self._predictor.field].tolist())
        return found if self._predictor.thresholds is None else stacked(found, self._predictor.thresholds)

    def member_scores(self, columns: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float64]]:
        """Each member's own probabilities ``[n, k]``, before they are blended and calibrated."""
        return self._predictor.member_scores(columns[self._predictor.field].tolist())

    def embed(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
        """The encoder's vectors of the texts, ``[n, width]``; None without an encoder."""
        encoder = self._predictor.encoder
        texts = [clean(str(text)) for text in columns[self._predictor.field].tolist()]
        return None if encoder is None or not texts else np.asarray(encoder.embed(texts), dtype=np.float64)

    def similar(self, text: str, most: int) -> list[dict[str, Any]]:
        """The nearest packed train cases of a raw text, without explaining an answer; empty where none are packed."""
        return [] if self._cases is None else self._cases.nearest(self._predictor, clean(text), most)


def load(folder: Path, derive_for: DeriveFor) -> TextModel:  # noqa: ARG001 - every problem's signature
    """Read a bundle.

    Raises:
        BundleError: a file is missing, not readable, or does not fit the others.
    """
    predictor = Predictor.assemble(folder / "choice.json", folder / "schema.json", folder / "export.json")
    return TextModel(predictor, cases.load(folder), _scope(folder))


def _scope(folder: Path) -> float | None:
    if not (folder / "scope.json").is_file():
        return None
    try:
        return float(read_json(folder / "scope.json")["threshold"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            "scope.json cannot be read", where={"folder": folder.name}, next_step="pack the model again"
        ) from error
