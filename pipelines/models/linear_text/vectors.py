"""Sparse TF-IDF vectors of texts: word uni- and bigrams in one part, character n-grams within words in another.

Counts are damped (``1 + log``), weighted by ``log((1 + n) / (1 + df)) + 1`` (Salton and Buckley, 1988, as smoothed by
scikit-learn), and each part is scaled to length 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.features.text import character_grams, words

WORD, CHARACTER = "w", "c"
Gram = tuple[str, str]


@dataclass(frozen=True)
class Recipe:
    """Which grams are looked at.

    Attributes:
        words: longest run of words.
        shortest: letters of the shortest character gram.
        longest: letters of the longest one; 0: none.
    """

    words: int
    shortest: int
    longest: int

    def of_word(self, word: str) -> Iterator[Gram]:
        """Grams that a single word brings."""
        yield WORD, word
        if self.longest:
            for gram in character_grams(word, self.shortest, self.longest):
                yield CHARACTER, gram

    def of_runs(self, tokens: Sequence[str]) -> Iterator[Gram]:
        """Grams of several words."""
        for size in range(2, self.words + 1):
            for start in range(len(tokens) - size + 1):
                yield WORD, " ".join(tokens[start : start + size])


class Vectorizer:
    """A fixed vocabulary; immutable but for a cache of words, and safe to use from several threads.

    Attributes:
        grams: the vocabulary, in order of the columns.
        idf: float32 ``[f]``.
        dropped: words that are passed over, as if they were not in the text.
    """

    def __init__(
        self, recipe: Recipe, grams: Sequence[Gram], idf: NDArray[np.float32], dropped: frozenset[str] = frozenset()
    ) -> None:
        self.recipe = recipe
        self.grams = list(grams)
        self.idf = idf
        self.dropped = dropped
        self._place = {gram: place for place, gram in enumerate(self.grams)}
        self._is_word = np.array([part == WORD for part, _ in self.grams], dtype=bool)
        self._words: dict[str, tuple[int, ...]] = {}

    def vector(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Columns, ascending, and their values of one text."""
        return self._weigh(self._counts(self._tokens(text)))

    def _tokens(self, text: str) -> list[str]:
        return kept_words(text, self.dropped)

    def _counts(self, tokens: Sequence[str]) -> Mapping[int, int]:
        counts: Counter[int] = Counter()
        for word, times in Counter(tokens).items():
            for place in self._of_word(word):
                counts[place] += times
        for gram in self.recipe.of_runs(tokens):
            known = self._place.get(gram)
            if known is not None:
                counts[known] += 1
        return counts

    def _of_word(self, word: str) -> tuple[int, ...]:
        found = self._words.get(word)
        if found is None:
            places = (self._place.get(gram) for gram in self.recipe.of_word(word))
            found = tuple(place for place in places if place is not None)
            if len(self._words) < 50_000:
                self._words[word] = found
        return found

    def _weigh(self, counts: Mapping[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        columns = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        order = np.argsort(columns)
        columns = columns[order]
        times = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))[order]
        values = (1.0 + np.log(times)) * self.idf[columns] if len(columns) else times
        for part in (self._is_word[columns], ~self._is_word[columns]):
            length = float(np.sqrt(np.sum(values[part].astype(np.float64) ** 2)))
            if length > 0:
                values[part] /= length
        return columns, values.astype(np.float32)

    def parts_of_words(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Each distinct word of a text in order of its first place, and the columns that it takes part in."""
        tokens = self._tokens(text)
        found: dict[str, set[int]] = {word: set(self._of_word(word)) for word in tokens}
        for size in range(2, self.recipe.words + 1):
            for start in range(len(tokens) - size + 1):
                run = tokens[start : start + size]
                place = self._place.get((WORD, " ".join(run)))
                if place is not None:
                    for word in run:
                        found[word].add(place)
        return [(word, tuple(sorted(places))) for word, places in found.items()]


def kept_words(text: str, dropped: frozenset[str]) -> list[str]:
    """The words of a text but for those that are passed over."""
    return [word for word in words(text) if word not in dropped] if dropped else words(text)


def common_words(texts: Sequence[str], share: float) -> frozenset[str]:
    """Words and signs in more than ``share`` of the texts; none from a share of 1 on."""
    if share >= 1.0:
        return frozenset()
    frequency: Counter[str] = Counter()
    for text in texts:
        frequency.update(set(words(text)))
    return frozenset(word for word, count in frequency.items() if count > share * len(texts))


def learn(
    texts: Sequence[str], recipe: Recipe, fewest: int, most: int, dropped: frozenset[str] = frozenset()
) -> Vectorizer:
    """The vocabulary of train texts: grams in at least ``fewest`` of them, the ``most`` most frequent at most.

    The words ``dropped`` are passed over.
    """
    per_word: dict[str, tuple[Gram, ...]] = {}
    frequency: Counter[Gram] = Counter()
    for text in texts:
        tokens = kept_words(text, dropped)
        seen: set[Gram] = set(recipe.of_runs(tokens))
        for word in set(tokens):
            if word not in per_word:
                per_word[word] = tuple(recipe.of_word(word))
            seen.update(per_word[word])
        frequency.update(seen)
    kept = [(count, gram) for gram, count in frequency.items() if count >= fewest]
    if len(kept) > most:
        kept = sorted(kept, key=lambda item: (-item[0], item[1]))[:most]
    kept.sort(key=lambda item: item[1])
    df = np.array([count for count, _ in kept], dtype=np.float64)
    idf = np.log((1.0 + len(texts)) / (1.0 + df)) + 1.0
    return Vectorizer(recipe, [gram for _, gram in kept], idf.astype(np.float32), dropped)
