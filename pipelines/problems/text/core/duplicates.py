"""Texts that are one and the same, or nearly: by normalised words, and by common letter 5-grams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.features.text import clean, same_text

LETTERS = 5
BANDS, ROWS = 16, 4  # a pair of likeness 0.9 meets in some band but once in 10 million, one of 0.5 with chance 0.64
MODULUS = np.uint64((1 << 61) - 1)


def text_codes(texts: Sequence[str]) -> NDArray[np.int64]:
    """One number per text, ``[n]``: equal where only case, punctuation and spacing differ."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(same_text(clean(text)), len(seen)) for text in texts], dtype=np.int64)


def shingles(text: str) -> frozenset[str]:
    """The letter 5-grams of a text's words."""
    words = same_text(clean(text))
    return frozenset(words[start : start + LETTERS] for start in range(max(1, len(words) - LETTERS + 1)))


def likeness(left: frozenset[str], right: frozenset[str]) -> float:
    """Jaccard similarity."""
    both = len(left & right)
    return both / (len(left) + len(right) - both)


def near_pairs(held: Sequence[str], others: Sequence[str], least: float) -> list[tuple[int, int, float]]:
    """Pairs ``(position in held, position in others, likeness)`` from ``least`` on, each of ``others`` once at most.

    Candidates come from MinHash bands (Broder, 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter
    3), and every one is then compared exactly.
    """
    held_sets, other_sets = [shingles(text) for text in held], [shingles(text) for text in others]
    buckets: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    for place, bands in enumerate(_bands(held_sets)):
        for band, key in enumerate(bands):
            buckets[band, key].append(place)
    found: list[tuple[int, int, float]] = []
    for place, bands in enumerate(_bands(other_sets)):
        near = {one for band, key in enumerate(bands) for one in buckets.get((band, key), ())}
        alike = [(likeness(held_sets[one], other_sets[place]), -one) for one in near]
        if alike and max(alike)[0] >= least:
            best, one = max(alike)
            found.append((-one, place, best))
    return found


def _bands(sets: Sequence[frozenset[str]]) -> list[list[bytes]]:
    """Per text, the keys of its MinHash bands."""
    number: dict[str, int] = {}
    rng = np.random.Generator(np.random.PCG64(5))
    multiply = rng.integers(1, 1 << 31, BANDS * ROWS, dtype=np.uint64)
    add = rng.integers(0, 1 << 31, BANDS * ROWS, dtype=np.uint64)
    answer = []
    for one in sets:
        hashes = np.fromiter((number.setdefault(gram, _hash(gram)) for gram in one), dtype=np.uint64, count=len(one))
        least = ((hashes[:, None] * multiply + add) % MODULUS).min(axis=0).reshape(BANDS, ROWS)
        answer.append([row.tobytes() for row in least])
    return answer


def _hash(gram: str) -> int:
    import zlib

    return zlib.crc32(gram.encode("utf-8", "surrogatepass")) >> 2
