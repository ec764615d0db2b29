"""Train cases packed with the model: the nearest ones are shown as evidence for an answer.

``cases.json`` holds id, label and the beginning of each text; ``cases.npz`` their vectors: embeddings of the encoder
(float16 ``[m, width]``), or without one the TF-IDF vectors as a sparse matrix (``starts``, ``columns``, ``values``).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.files import read_json, write_bytes, write_json
from pipelines.problems.text.answer.predictor import Predictor

SHOWN_LETTERS = 200


class Cases:
    """The packed cases, in memory."""

    def __init__(self, told: Sequence[dict[str, Any]], vectors: dict[str, NDArray[Any]]) -> None:
        self._told = list(told)
        self._vectors = vectors
        if "embeddings" in vectors:
            self._vectors = {"embeddings": vectors["embeddings"].astype(np.float32)}

    def nearest(self, predictor: Predictor, text: str, most: int) -> list[dict[str, Any]]:
        """The ``most`` most similar cases: ``id``, ``label``, ``text`` and ``similarity`` (cosine)."""
        if not self._told:
            return []
        similar = self._similarities(predictor, text)
        order = np.argsort(-similar, kind="stable")[:most].tolist()
        return [{**self._told[place], "similarity": float(similar[place])} for place in order]

    def similarities(self, predictor: Predictor, texts: Sequence[str]) -> NDArray[np.float64]:
        """Cosine similarity of each cleaned text to each case ``[n, m]``."""
        if "embeddings" in self._vectors:
            assert predictor.encoder is not None
            known = self._vectors["embeddings"]
            return np.asarray(predictor.encoder.embed(texts) @ known.T, dtype=np.float64)
        return np.array([self._similarities(predictor, text) for text in texts]).reshape(len(texts), len(self._told))

    def _similarities(self, predictor: Predictor, text: str) -> NDArray[np.float64]:
        if "embeddings" in self._vectors:
            assert predictor.encoder is not None
            return np.asarray(self._vectors["embeddings"] @ predictor.encoder.embed([text])[0], dtype=np.float64)
        assert predictor.linear is not None
        columns, values = predictor.linear.models[0].vectors.vector(text)
        dense = np.zeros(len(predictor.linear.models[0].vectors.grams) + 1)
        dense[columns] = values
        products = self._vectors["values"].astype(np.float64) * dense[self._vectors["columns"]]
        sums = np.concatenate([[0.0], np.cumsum(products)])
        starts = self._vectors["starts"]
        # Each of the two parts of a vector has length 1.
        return np.asarray((sums[starts[1:]] - sums[starts[:-1]]) / 2.0)


def pack(predictor: Predictor, folder: Path, told: Sequence[dict[str, Any]], texts: Sequence[str]) -> None:
    """Write ``cases.json`` and ``cases.npz`` of these cleaned texts."""
    arrays: dict[str, NDArray[Any]] = {}
    if predictor.encoder is not None:
        arrays["embeddings"] = predictor.encoder.embed(texts).astype(np.float16)
    elif predictor.linear is not None:
        rows = [predictor.linear.models[0].vectors.vector(text) for text in texts]
        arrays["starts"] = np.concatenate([[0], np.cumsum([len(columns) for columns, _ in rows])]).astype(np.int64)
        arrays["columns"] = np.concatenate([columns for columns, _ in rows]).astype(np.int32)
        arrays["values"] = np.concatenate([values for _, values in rows]).astype(np.float16)
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    write_bytes(folder / "cases.npz", stream.getvalue())
    write_json(folder / "cases.json", list(told))


def load(folder: Path) -> Cases | None:
    """The packed cases; None where none were packed.

    Raises:
        BundleError: the files cannot be read.
    """
    if not (folder / "cases.json").is_file():
        return None
    try:
        with np.load(folder / "cases.npz", allow_pickle=False) as stored:
            vectors = {name: stored[name] for name in stored.files}
        return Cases(read_json(folder / "cases.json"), vectors)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"the packed cases cannot be read: {error}", where={"file": "cases.npz"}, next_step="pack the model again"
        ) from error
