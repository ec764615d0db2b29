"""A packaged model as a function of raw rows. Evaluate, export, the smoke gate and the service all answer through it.

Needs numpy, and LightGBM or ONNX Runtime as the members ask for; neither pandas, torch nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.features.tabular import Derive, FeatureState, transform
from pipelines.features.values import rows_to_columns
from pipelines.metrics import calibration
from pipelines.problems.base import DeriveFor
from pipelines.problems.common import reasons
from pipelines.problems.common.finishing import finish
from pipelines.problems.common.opening import exported_members, read_parts
from pipelines.problems.common.scorers import LightgbmScorer, Scorer, load_scorer

FloatArray = NDArray[np.float64]
Raw = Mapping[str, NDArray[Any]]


class Predictor:
    """Answers for rows of one product; immutable, and safe to call from several threads.

    Attributes:
        task: ``binary``, ``multiclass`` or ``regression``.
        classes: target values in order of their index; the binary positive one is last.
        threshold: binary: act from this calibrated probability on; else None.
        fields: raw columns that a row must bring, in order.
    """

    def __init__(
        self,
        choice: Mapping[str, Any],
        state: FeatureState,
        scorers: Sequence[Scorer],
        derive: Derive | None,
    ) -> None:
        self.task: str = choice["task"]
        self.classes: list[Any] = list(choice["classes"])
        self.threshold: float | None = choice["threshold"]
        self.fields = state.raw
        self._choice = choice
        self._state = state
        self._derive = derive
        self._scorers = list(scorers)
        self._weights = [float(member["weight"]) for member in choice["members"]]
        trees = [scorer for scorer in self._scorers if isinstance(scorer, LightgbmScorer)]
        self._trees = trees[0] if trees else None

    @staticmethod
    def load(folder: Path, derive_for: DeriveFor) -> Predictor:
        """Read ``choice.json``, ``features.json``, ``export.json`` and the model files of a bundle.

        Args:
            folder: the bundle.
            derive_for: gives the product's derived features by name (``pipelines.products.derive_for``).

        Raises:
            BundleError: a file is missing, not readable, or does not fit the others.
        """
        return Predictor.assemble(folder / "choice.json", folder / "features.json", folder / "export.json", derive_for)

    @staticmethod
    def assemble(choice: Path, features: Path, export: Path, derive_for: DeriveFor) -> Predictor:
        """As :meth:`load`, from files that lie apart; model files lie beside ``export``."""
        chosen, features_of, exported = read_parts(choice, features, export)
        state = FeatureState.from_json(features_of)
        members = exported_members(chosen, exported, export.parent.name)
        scorers = [load_scorer(export.parent, member) for member in members]
        return Predictor(chosen, state, scorers, derive_for(state.module))

    def design(self, columns: Raw) -> Design:
        """Features of raw columns ``{name: array [n]}``.

        Raises:
            DataError: one of :attr:`fields` is missing.
        """
        return transform(self._state, columns, self._derive)

    def design_of_rows(self, rows: Sequence[Mapping[str, Any]]) -> Design:
        """Features of JSON rows; a key that a row lacks counts as missing."""
        return self.design(rows_to_columns(rows, self.fields))

    def predict(self, rows: Raw | Design) -> FloatArray:
        """Calibrated P(positive) ``[n]``, probabilities ``[n, k]``, or values ``[n]``."""
        design = rows if isinstance(rows, Design) else self.design(rows)
        return finish(self._choice, [scorer.score(design) for scorer in self._scorers])

    def member_scores(self, columns: Raw) -> list[FloatArray]:
        """Each member's own answers, as :meth:`predict` gives the blended ones."""
        design = self.design(columns)
        return [np.asarray(scorer.score(design), dtype=np.float64) for scorer in self._scorers]

    def decide(self, scores: FloatArray) -> NDArray[np.int64] | None:
        """Index into :attr:`classes` ``[n]`` for answers of :meth:`predict`; None for regression."""
        return decide(self._choice, scores)

    @property
    def explained_by(self) -> str:
        """How :meth:`explain` works here: ``shap`` (exact, of the trees) or ``occlusion`` (one feature at a time)."""
        return "shap" if self._trees is not None else "occlusion"

    def contributions(self, rows: Raw | Design) -> FloatArray:
        """Each feature's part in the raw score (log-odds, or the value) ``[n, p + q]``; of the answered class."""
        design = rows if isinstance(rows, Design) else self.design(rows)
        if self._trees is not None:
            values = self._trees.contributions(design)[..., :-1]
            if values.ndim == 3:
                top = np.argmax(self.predict(design), axis=1)
                values = values[np.arange(len(design)), top]
            return values
        reference = reasons.reference_design(self._choice["reference"], design)
        return reasons.occlusion(design, reference, self._raw_of(design))

    def explain(self, rows: Raw | Design, top: int = 5) -> list[list[reasons.Reason]]:
        """Per row the strongest reasons, strongest first; positive ones raise the score."""
        design = rows if isinstance(rows, Design) else self.design(rows)
        return reasons.strongest(design, self.contributions(design), self._state.categorical, top)

    def _raw_of(self, design: Design) -> Callable[[Design], FloatArray]:
        if self.task == "regression":
            return self.predict
        if self.task == "binary":
            return lambda rows: calibration.logit(self.predict(rows))
        top = np.argmax(self.predict(design), axis=1)

        def answered(rows: Design) -> FloatArray:
            return calibration.logit(self.predict(rows)[np.arange(len(rows)), np.repeat(top, len(rows) // len(top))])

        return answered


def decide(choice: Mapping[str, Any], scores: FloatArray) -> NDArray[np.int64] | None:
    """Class index ``[n]``: binary by the threshold, several classes the most probable; None for regression."""
    if choice["task"] == "binary":
        return (scores >= float(choice["threshold"])).astype(np.int64)
    return np.argmax(scores, axis=1).astype(np.int64) if choice["task"] == "multiclass" else None
