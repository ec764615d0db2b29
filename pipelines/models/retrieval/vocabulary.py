"""Bags of tokens as sparse rows: damped counts, inverse document frequency, length 1 (Salton and Buckley, 1988)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bags = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Rows:
    """Sparse rows ``[n, f]``: row ``i`` has ``values[starts[i]:starts[i + 1]]`` in ``columns[...]``."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """These rows, in this order."""
        sizes = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        places = np.repeat(self.starts[rows] - starts[:-1], sizes) + np.arange(starts[-1])
        return Rows(starts, self.columns[places], self.values[places])

    def times(self, table: NDArray[np.float32]) -> NDArray[np.float32]:
        """The product with a table ``[f, d]``, float32 ``[n, d]``."""
        from scipy.sparse import csr_array

        sparse: Any = csr_array((self.values, self.columns, self.starts), shape=(len(self), len(table)))
        return np.asarray(sparse @ table, dtype=np.float32)


class Vocabulary:
    """Tokens with their places and inverse document frequencies; never changed after it is made."""

    def __init__(self, tokens: Sequence[str], idf: NDArray[np.float32]) -> None:
        self.tokens = list(tokens)
        self.idf = np.asarray(idf, dtype=np.float32)
        self._place = {token: place for place, token in enumerate(self.tokens)}

    def rows(self, bags: Bags) -> Rows:
        """Sparse rows of bags; unknown tokens are left out."""
        starts, columns, values = [0], [], []
        for bag in bags:
            known = ((self._place.get(token), times) for token, times in Counter(bag).items())
            pairs = sorted((place, times) for place, times in known if place is not None)
            where = np.array([place for place, _ in pairs], dtype=np.int64)
            weight = (1.0 + np.log(np.array([times for _, times in pairs], dtype=np.float64))) * self.idf[where]
            length = float(np.sqrt(np.sum(weight * weight)))
            columns.append(where)
            values.append((weight / length if length > 0 else weight).astype(np.float32))
            starts.append(starts[-1] + len(where))
        empty = [np.zeros(0, dtype=np.int64)]
        return Rows(
            np.array(starts, dtype=np.int64),
            np.concatenate(columns or empty),
            np.concatenate(values or empty).astype(np.float32),
        )


def learn(bags: Bags, fewest: int, most: int) -> Vocabulary:
    """Tokens in at least ``fewest`` bags, the ``most`` most frequent at most; ``idf = log((1 + n) / (1 + df)) + 1``."""
    frequency: Counter[str] = Counter()
    for bag in bags:
        frequency.update(set(bag))
    kept = [(count, token) for token, count in frequency.items() if count >= fewest]
    kept = sorted(sorted(kept, key=lambda item: (-item[0], item[1]))[:most], key=lambda item: item[1])
    df = np.array([count for count, _ in kept], dtype=np.float64)
    idf = np.log((1.0 + len(bags)) / (1.0 + df)) + 1.0
    return Vocabulary([token for _, token in kept], idf.astype(np.float32))
