"""A packaged text model as a function of raw texts. Evaluate, export, the smoke gate and the service answer through it.

Needs numpy, and tokenizers and ONNX Runtime where an encoder is a member; neither pandas, torch nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.text import clean
from pipelines.problems.common.finishing import finish
from pipelines.problems.common.opening import exported_members, read_parts
from pipelines.problems.text.answer.scorers import LinearScorer, OnnxScorer, Scorer, load_scorer

FloatArray = NDArray[np.float64]


class Predictor:
    """Answers for texts of one product; safe to call from several threads.

    Attributes:
        task: ``multiclass`` or ``multilabel``.
        classes: target values in order of their index.
        threshold: confidence from which an answer counts as sure; None: always.
        thresholds: multilabel: probability from which a text gets each label; otherwise None.
        field: the raw column with the text.
        linear: the linear member, where there is one.
        encoder: the encoder member, where there is one.
    """

    def __init__(self, choice: Mapping[str, Any], field: str, scorers: Sequence[Scorer]) -> None:
        self.task: str = choice["task"]
        self.classes: list[Any] = list(choice["classes"])
        selective = choice.get("selective")
        self.threshold: float | None = None if selective is None else float(selective["threshold"])
        self.thresholds: list[float] | None = choice.get("thresholds")
        self.field = field
        self._choice = choice
        self._scorers = list(scorers)
        self.linear = next((one for one in self._scorers if isinstance(one, LinearScorer)), None)
        self.encoder = next((one for one in self._scorers if isinstance(one, OnnxScorer)), None)

    @staticmethod
    def assemble(choice: Path, schema: Path, export: Path) -> Predictor:
        """From ``choice.json``, ``schema.json`` and ``export.json``; model files lie beside ``export``.

        Raises:
            BundleError: a file is missing, not readable, or does not fit the others.
        """
        chosen, fields, exported = read_parts(choice, schema, export)
        members = exported_members(chosen, exported, export.parent.name)
        scorers = [load_scorer(export.parent, member) for member in members]
        return Predictor(chosen, fields["fields"][0]["name"], scorers)

    def predict(self, texts: Sequence[Any]) -> FloatArray:
        """Calibrated probabilities ``[n, k]`` of raw texts."""
        return self.of_clean([clean(str(text)) for text in texts])

    def member_scores(self, texts: Sequence[Any]) -> list[FloatArray]:
        """Each member's own probabilities ``[n, k]`` of raw texts."""
        cleaned = [clean(str(text)) for text in texts]
        return [scorer.score(cleaned) for scorer in self._scorers]

    def of_clean(self, texts: Sequence[str]) -> FloatArray:
        """As :meth:`predict`, of cleaned texts."""
        if not texts:
            return np.zeros((0, len(self.classes)))
        return finish(self._choice, [scorer.score(texts) for scorer in self._scorers])
