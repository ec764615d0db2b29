"""A packaged text model as a function of raw texts. Evaluate, export, the smoke gate and the service answer through it.

Needs numpy, and tokenizers and ONNX Runtime where an encoder is a member; neither pandas, torch nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.features.text import clean
from pipelines.files import read_json
from pipelines.problems.common.finishing import finish
from pipelines.problems.text.answer.scorers import LinearScorer, OnnxScorer, Scorer, load_scorer

FloatArray = NDArray[np.float64]


class Predictor:
    """Answers for texts of one product; safe to call from several threads.

    Attributes:
        task: ``multiclass``.
        classes: target values in order of their index.
        threshold: confidence from which an answer counts as sure; None: always.
        field: the raw column with the text.
        linear: the linear member, where there is one.
        encoder: the encoder member, where there is one.
    """

    def __init__(self, choice: Mapping[str, Any], field: str, scorers: Sequence[Scorer]) -> None:
        self.task: str = choice["task"]
        self.classes: list[Any] = list(choice["classes"])
        selective = choice.get("selective")
        self.threshold: float | None = None if selective is None else float(selective["threshold"])
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
        content: list[dict[str, Any]] = []
        for path in (choice, schema, export):
            try:
                content.append(read_json(path))
            except (OSError, ValueError) as error:
                raise BundleError(
                    f"{path.name} cannot be read", where={"folder": path.parent.name}, next_step="pack the model again"
                ) from error
        chosen, fields, exported = content
        by_model = {member["model"]: member for member in exported["members"]}
        missing = [member["model"] for member in chosen["members"] if member["model"] not in by_model]
        if missing:
            raise BundleError(
                f"the choice names model {missing[0]!r}, which was not exported",
                where={"folder": export.parent.name},
                next_step="run the export stage again",
            )
        scorers = [load_scorer(export.parent, by_model[member["model"]]) for member in chosen["members"]]
        return Predictor(chosen, fields["fields"][0]["name"], scorers)

    def predict(self, texts: Sequence[Any]) -> FloatArray:
        """Calibrated probabilities ``[n, k]`` of raw texts."""
        return self.of_clean([clean(str(text)) for text in texts])

    def of_clean(self, texts: Sequence[str]) -> FloatArray:
        """As :meth:`predict`, of cleaned texts."""
        if not texts:
            return np.zeros((0, len(self.classes)))
        return finish(self._choice, [scorer.score(texts) for scorer in self._scorers])
