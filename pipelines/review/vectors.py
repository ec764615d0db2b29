"""Rows as vectors, for "unlike each other" and "like this one": hashed words, scaled numbers, hashed categories."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.text import words
from pipelines.features.values import as_numbers, category_key

FloatArray = NDArray[np.float64]
WIDTH = 256
LIMIT = 3.0  # robust standard deviations that a number counts at most


def vectors(columns: Mapping[str, NDArray[Any]], numeric: Sequence[str], text: str | None) -> FloatArray:
    """``[n, WIDTH]`` of raw columns ``{name: array [n]}``; the same values give the same vectors among the same rows.

    A text is words and pairs of words by log-count and rarity; a number is scaled by median and absolute deviation; any
    other value is its name.
    """
    count = len(next(iter(columns.values()))) if columns else 0
    made = np.zeros((count, WIDTH))
    for name, values in columns.items():
        if name == text:
            made += _texts([str(value) for value in values.tolist()])
        elif name in numeric:
            numbers = as_numbers(values)
            seen = numbers[~np.isnan(numbers)]
            middle = float(np.median(seen)) if seen.size else 0.0
            spread = float(np.median(np.abs(seen - middle))) * 1.4826 if seen.size else 1.0
            scaled = np.clip((numbers - middle) / (spread or 1.0), -LIMIT, LIMIT)
            made[:, _place(name)[0]] += np.where(np.isnan(scaled), 0.0, scaled)
        else:
            for row, value in enumerate(values.tolist()):
                place, sign = _place(f"{name}={category_key(value)}")
                made[row, place] += sign
    return made


def _texts(texts: Sequence[str]) -> FloatArray:
    grams = []
    for text in texts:
        found = [word.lower() for word in words(text)]
        grams.append(Counter([*found, *(f"{one} {other}" for one, other in pairwise(found))]))
    rows_with = Counter(gram for counted in grams for gram in counted)
    made = np.zeros((len(texts), WIDTH))
    for row, counted in enumerate(grams):
        for gram, times in counted.items():
            place, sign = _place(gram)
            made[row, place] += sign * (1.0 + np.log(times)) * np.log((1 + len(texts)) / rows_with[gram])
    length = np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made / np.maximum(length, 1e-12))


def _place(name: str) -> tuple[int, float]:
    code = zlib.crc32(name.encode("utf-8", "surrogatepass"))
    return (code >> 1) % WIDTH, 1.0 if code & 1 else -1.0


def nearest(one: FloatArray, others: FloatArray, most: int) -> list[tuple[int, float]]:
    """The rows of ``others`` ``[m, d]`` nearest to ``one`` ``[d]`` by cosine, with it, nearest first."""
    if not len(others):
        return []
    lengths = np.maximum(np.linalg.norm(others, axis=1) * max(float(np.linalg.norm(one)), 1e-12), 1e-12)
    cosine = others @ one / lengths
    order = np.argsort(-cosine, kind="stable")[:most]
    return [(int(row), float(cosine[row])) for row in order]
