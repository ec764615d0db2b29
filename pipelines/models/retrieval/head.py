"""The next-action head as it answers: numpy and scipy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.models.retrieval.vocabulary import Bags, Rows, Vocabulary

Floats = NDArray[np.float32]
ARRAYS = "retrieval.npz"


@dataclass(frozen=True)
class Head:
    """A fitted head with the past situations that it can find.

    Attributes:
        vocabulary: of the situations; drafts have tokens in it as well.
        embedding: float32 ``[f, d]``.
        weight: float32 ``[d, k]``.
        bias: float32 ``[k]``.
        past: float16 ``[m, d]``, past situations, each of length 1.
    """

    vocabulary: Vocabulary
    embedding: Floats
    weight: Floats
    bias: Floats
    past: NDArray[np.float16]

    def hidden(self, rows: Rows) -> Floats:
        """Embedded situations, float32 ``[n, d]``."""
        return np.maximum(rows.times(self.embedding), 0.0)

    def log_chances(self, hidden: Floats) -> Floats:
        """Log-probability of each action, float32 ``[n, k]``."""
        raw = hidden @ self.weight + self.bias
        raw -= raw.max(axis=1, keepdims=True)
        return np.asarray(raw - np.log(np.exp(raw).sum(axis=1, keepdims=True)), dtype=np.float32)

    def nearest(self, hidden: Floats, count: int) -> tuple[NDArray[np.int64], Floats]:
        """Places in ``past`` and cosines, both ``[n, count]``, nearest first; equal ones in order of their place."""
        table = self._table
        unit = normalised(hidden)
        count = min(count, len(table))
        places, cosines = [], []
        for start in range(0, len(unit), 256):
            near = np.round(unit[start : start + 256] @ table.T, 5)
            top = np.argpartition(-near, count - 1, axis=1)[:, :count] if count < len(table) else None
            for row, line in enumerate(near):
                chosen = np.sort(top[row]) if top is not None else np.arange(len(table))
                order = chosen[np.argsort(-line[chosen], kind="stable")][:count]
                places.append(order)
                cosines.append(line[order])
        shape = (len(unit), count)
        return np.array(places, dtype=np.int64).reshape(shape), np.array(cosines, dtype=np.float32).reshape(shape)

    @cached_property
    def _table(self) -> Floats:
        return self.past.astype(np.float32)

    def rows(self, bags: Bags) -> Rows:
        """Situations as sparse rows."""
        return self.vocabulary.rows(bags)

    def save(self, folder: Path) -> list[str]:
        """Write ``retrieval.npz`` (no pickle) and return its name."""
        tokens = "\n".join(self.vocabulary.tokens).encode("utf-8", "replace")
        arrays: dict[str, Any] = {
            "tokens": np.frombuffer(tokens, dtype=np.uint8), "idf": self.vocabulary.idf,
            "embedding": self.embedding.astype(np.float16), "weight": self.weight, "bias": self.bias, "past": self.past,
        }  # fmt: skip
        np.savez_compressed(folder / ARRAYS, **arrays)
        return [ARRAYS]


def normalised(hidden: Floats) -> Floats:
    """Rows of length 1; rows of zeros stay."""
    length = np.sqrt((hidden * hidden).sum(axis=1, keepdims=True))
    return np.asarray(hidden / np.maximum(length, 1e-9), dtype=np.float32)


def load(folder: Path) -> Head:
    """A saved head.

    Raises:
        BundleError: the file is missing or not what :meth:`Head.save` wrote.
    """
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as held:
            tokens = held["tokens"].tobytes().decode("utf-8").split("\n")
            vocabulary = Vocabulary(tokens, held["idf"])
            embedding = held["embedding"].astype(np.float32)
            return Head(vocabulary, embedding, held["weight"], held["bias"], held["past"])
    except (OSError, KeyError, ValueError) as error:
        raise BundleError(
            f"the search index cannot be read: {error}", where={"file": ARRAYS}, next_step="pack the model again"
        ) from error
