"""The models that are asked which rows a person should see: the champion, and tonight's package where it is another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.bundle import read_manifest
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.problems.common.frames import frame_columns
from pipelines.serving.loaded import Loaded, load

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
PROPOSED = 9  # labels per item
SIMILAR = 3  # cases per item


@dataclass(frozen=True)
class Models:
    """One or two loaded bundles; the first is asked, the second may disagree."""

    loaded: tuple[Loaded, ...]

    @property
    def first(self) -> Loaded:
        return self.loaded[0]

    @property
    def classes(self) -> list[Any]:
        return list(self.first.model.classes)

    @property
    def numeric(self) -> bool:
        return self.first.model.task == "regression"

    @property
    def several(self) -> bool:
        """Whether a row has several labels."""
        return self.first.model.task == "multilabel"

    def probabilities(self, frame: pd.DataFrame) -> FloatArray:
        """Of the classes, ``[n, k]``, by the first model; of a regression the values, ``[n, 1]``."""
        return _wide(self.first.model.scores(self._columns(self.first, frame)), self.numeric)

    def opinions(self, frame: pd.DataFrame) -> list[FloatArray]:
        """What each member of each model says, ``[n, k]`` each; classes of another model in the order of the first."""
        found = []
        for loaded in self.loaded:
            columns = self._columns(loaded, frame)
            members = getattr(loaded.model, "member_scores", None)
            scores = members(columns) if members is not None else []
            scores = scores if len(scores) > 1 else [loaded.model.scores(columns)]
            found += [_like(_wide(one, self.numeric), loaded.model.classes, self.classes) for one in scores]
        return found

    def embed(self, frame: pd.DataFrame) -> FloatArray | None:
        """The first model's own vectors, ``[n, d]``, where it has some."""
        own = getattr(self.first.model, "embed", None)
        found: FloatArray | None = own(self._columns(self.first, frame)) if own is not None else None
        return found

    def similar(self, text: str) -> list[dict[str, Any]]:
        """Labelled train cases like a text, where the first model has packed some."""
        own = getattr(self.first.model, "similar", None)
        return [dict(one) for one in own(text, SIMILAR)] if own is not None else []

    @staticmethod
    def _columns(loaded: Loaded, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        return frame_columns(frame, list(loaded.model.fields))


def load_models(layout: Layout, product: str, champion: str | None) -> Models | None:
    """The champion's bundle, then the lane's own where it is another version; None where neither can be asked."""
    found: list[Loaded] = []
    packed = layout.stage("package", product) / "bundle"
    folders = ([layout.bundle(product, champion)] if champion else []) + [packed]
    for folder in folders:
        try:
            if folder.is_dir() and read_manifest(folder).version not in [one.version for one in found]:
                found.append(load(product, None, folder))
        except NightshiftError:
            continue  # a bundle of older code: the other one is asked
    return Models(tuple(found)) if found else None


def proposals(row: FloatArray, classes: Sequence[Any], numeric: bool) -> list[dict[str, Any]]:
    """The labels of a row, best first, with their confidence; of a regression the value."""
    if numeric:
        return [{"label": round(float(row[0]), 6)}]
    order = np.argsort(-row, kind="stable")[:PROPOSED].tolist()
    return [{"label": classes[place], "confidence": round(float(row[place]), 4)} for place in order]


def chances(p: FloatArray, several: bool) -> FloatArray:
    """Probabilities that sum to 1, ``[n, k]``; several labels: of the label that is least decided, and its absence."""
    if not several:
        return p
    closest = np.abs(p - 0.5).argmin(axis=1)
    least = p[np.arange(len(p)), closest]
    return np.stack([1.0 - least, least], axis=1)


def divergence(opinions: Sequence[FloatArray], numeric: bool, several: bool = False) -> FloatArray:
    """How far opinions are apart, ``[n]``; 0 where all would decide the same.

    Classes: the Jensen-Shannon divergence of the members (query by committee: McCallum and Nigam 1998, Employing EM and
    Pool-Based Active Learning for Text Classification, ICML). Numbers: their standard deviation.
    """
    together = np.stack(opinions)
    if several:  # the label that they disagree on most
        apart = [
            divergence([np.stack([1 - p, p], axis=1) for p in together[:, :, k]], False)
            for k in range(together.shape[2])
        ]
        return np.asarray(np.max(apart, axis=0))
    if numeric:
        return np.asarray(together[:, :, 0].std(axis=0))
    mean = together.mean(axis=0)
    apart = _entropy(mean) - _entropy(together).mean(axis=0)
    decisions = together.argmax(axis=2)
    return np.where((decisions == decisions[0]).all(axis=0), 0.0, np.maximum(apart, 1e-9))


def _entropy(p: FloatArray) -> FloatArray:
    return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(axis=-1))


def _wide(scores: NDArray[np.float64], numeric: bool) -> FloatArray:
    """Scores as ``[n, k]``: a binary model's P(positive) as both classes."""
    if scores.ndim == 3:  # several labels: probabilities, then decisions
        scores = scores[:, :, 0]
    if scores.ndim == 2:
        return np.asarray(scores, dtype=np.float64)
    return scores[:, None] if numeric else np.stack([1.0 - scores, scores], axis=1)


def _like(scores: FloatArray, own: Sequence[Any], wanted: Sequence[Any]) -> FloatArray:
    """Columns in the order of other classes; a class that the model does not know gets 0."""
    if list(own) == list(wanted) or not len(own):
        return scores
    place = {str(label): column for column, label in enumerate(own)}
    made = np.zeros((len(scores), len(wanted)))
    for column, label in enumerate(wanted):
        if str(label) in place:
            made[:, column] = scores[:, place[str(label)]]
    return made
