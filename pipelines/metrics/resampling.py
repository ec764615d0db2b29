"""Bootstrap weights: how often each row is drawn. Equal seed and rows give equal draws, so two models can be paired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CHUNK_CELLS = 1 << 19  # rows times resamples held at once: 4 MiB of float64


def draws(n: int, resamples: int, seed: int = 0, strata: NDArray[Any] | None = None) -> Iterator[FloatArray]:
    """Counts of ``n`` rows drawn with replacement, float64 chunks ``[b, n]`` that sum to ``resamples`` in their b.

    Args:
        n: rows of the sample.
        resamples: number of bootstrap samples, each of ``n`` rows.
        seed: of numpy's PCG64.
        strata: ``[n]`` group of each row; when given, each group keeps its size in every sample.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    groups = [np.arange(n)] if strata is None else [np.flatnonzero(strata == value) for value in np.unique(strata)]
    size = max(1, CHUNK_CELLS // max(n, 1))
    for start in range(0, resamples, size):
        b = min(size, resamples - start)
        counts = np.zeros((b, n))
        offsets = np.arange(b)[:, None]
        for rows in groups:
            m = len(rows)
            picked = rng.integers(0, m, size=(b, m)) + offsets * m
            counts[:, rows] = np.bincount(picked.ravel(), minlength=b * m).reshape(b, m)
        yield counts
