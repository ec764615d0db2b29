"""A fitted linear text model: answers with numpy alone, so that the service needs no scikit-learn."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.files import canonical_json, write_bytes, write_text
from pipelines.metrics.calibration import sigmoid, softmax
from pipelines.models.linear_text.vectors import Recipe, Vectorizer

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearText:
    """Vectors times weights, and a softmax.

    Attributes:
        vectors: the vocabulary.
        weights: float32 ``[f, k]``.
        bias: float64 ``[k]``.
        temperature: the margins are divided by it.
        name: stem of the files.
        several: whether a text has several labels: each has a probability of its own.
    """

    vectors: Vectorizer
    weights: NDArray[np.float32]
    bias: FloatArray
    temperature: float
    name: str = "linear_0"
    several: bool = False

    best_iteration: int = 1

    def margins(self, texts: Sequence[str]) -> FloatArray:
        """``[n, k]``; each text by itself, so that an answer does not depend on its neighbours."""
        answer = np.tile(self.bias, (len(texts), 1))
        for row, text in enumerate(texts):
            columns, values = self.vectors.vector(text)
            if len(columns):
                answer[row] += values.astype(np.float64) @ self.weights[columns].astype(np.float64)
        return answer

    def predict(self, texts: Sequence[str]) -> FloatArray:
        """Probabilities ``[n, k]``."""
        return self.shares(self.margins(texts))

    def shares(self, margins: FloatArray) -> FloatArray:
        """Margins as probabilities, of the same shape."""
        scaled = margins / self.temperature
        return sigmoid(scaled) if self.several else softmax(scaled)

    def contributions(self, text: str, label: int) -> list[tuple[str, float]]:
        """What each word adds to the log-score of a class against the mean of the classes, exactly; several labels per
        text: to the log-odds of the label.

        A gram's part is its value times its weight over the temperature, shared evenly by the words in it; the parts
        and the bias sum to the log-score minus the classes' mean log-score.
        """
        columns, values = self.vectors.vector(text)
        if not len(columns):
            return []
        rows = self.weights[columns].astype(np.float64)
        against = 0.0 if self.several else rows.mean(axis=1)
        part = values.astype(np.float64) * (rows[:, label] - against) / self.temperature
        place = {int(column): position for position, column in enumerate(columns)}
        words = self.vectors.parts_of_words(text)
        owners = np.zeros(len(columns))
        for _, found in words:
            for column in found:
                owners[place[column]] += 1.0
        return [(word, float(sum(part[place[c]] / owners[place[c]] for c in found))) for word, found in words]

    def save(self, folder: Path) -> list[str]:
        """``<name>.json`` (vocabulary) and ``<name>.npz`` (numbers)."""
        recipe = self.vectors.recipe
        head: dict[str, Any] = {
            "format": 1,
            "words": recipe.words,
            "shortest": recipe.shortest,
            "longest": recipe.longest,
            "temperature": self.temperature,
            "grams": [part + gram for part, gram in self.vectors.grams],
        }
        if self.several:
            head["several"] = True
        if self.vectors.dropped:
            head["dropped"] = sorted(self.vectors.dropped)
        stream = io.BytesIO()
        np.savez(stream, weights=self.weights, bias=self.bias, idf=self.vectors.idf)
        write_text(folder / f"{self.name}.json", canonical_json(head))
        write_bytes(folder / f"{self.name}.npz", stream.getvalue())
        return [f"{self.name}.json", f"{self.name}.npz"]


def load(folder: Path, files: Sequence[str]) -> LinearText:
    """Read :meth:`LinearText.save`'s files.

    Raises:
        BundleError: a file is missing, not readable, or the two do not fit.
    """
    try:
        head = json.loads((folder / files[0]).read_text(encoding="utf-8"))
        with np.load(folder / files[1], allow_pickle=False) as numbers:
            weights, bias, idf = numbers["weights"], numbers["bias"], numbers["idf"]
        dropped = frozenset(head.get("dropped", ()))
        grams = [(gram[0], gram[1:]) for gram in head["grams"]]
        temperature = float(head["temperature"])
        recipe, several = Recipe(head["words"], head["shortest"], head["longest"]), bool(head.get("several", False))
    except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"not a linear text model: {type(error).__name__} {error}",
            where={"file": files[0] if files else None},
            next_step="train, export and pack the model again",
        ) from error
    if weights.shape != (len(grams), len(bias)) or idf.shape != (len(grams),) or not temperature > 0:
        raise BundleError(
            f"the weights are {weights.shape}, the vocabulary has {len(grams)} entries",
            where={"file": files[0]},
            next_step="train, export and pack the model again",
        )
    return LinearText(Vectorizer(recipe, grams, idf, dropped), weights, bias, temperature, Path(files[0]).stem, several)
