"""Texts as word-piece ids, and as batches of like lengths. Needs numpy and tokenizers only: the service uses it too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError

Ids = list[int]
SORTED_BATCHES = 50  # batches whose texts are sorted together by length


SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class Special:
    """Ids of tokens that stand for no piece of a text; ``mask`` is None where the tokenizer has none."""

    mask: int | None
    all: frozenset[int]


class TextTokenizer:
    """A fast tokenizer cut off at so many tokens; safe to call from several threads.

    Attributes:
        content: the tokenizer's JSON.
        most: longest text, in tokens, the special ones included.
    """

    def __init__(self, content: str, most: int) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_str(content)
        except Exception as error:  # tokenizers raises plain Exception
            raise BundleError(
                f"not a tokenizer: {' '.join(str(error).split())[:160]}", next_step="pack the model again"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=most)
        self.content = content
        self.most = most

    @staticmethod
    def read(path: Path, most: int) -> TextTokenizer:
        """From a ``tokenizer.json``."""
        try:
            return TextTokenizer(path.read_text(encoding="utf-8"), most)
        except (OSError, UnicodeDecodeError) as error:
            raise BundleError(
                "the tokenizer cannot be read", where={"file": path.name}, next_step="pack the model again"
            ) from error

    @property
    def size(self) -> int:
        """Word pieces known."""
        return int(self._tokenizer.get_vocab_size())

    def special(self) -> Special:
        """Ids of the mask and of all tokens that stand for no piece of a text."""
        found = {name: self._tokenizer.token_to_id(name) for name in SPECIAL}
        return Special(found["[MASK]"], frozenset(one for one in found.values() if one is not None))

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """Ids per text, special tokens included; a text is first cut at 16 letters per token, which no text exceeds."""
        cut = [text[: self.most * 16] for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(cut)]


def padded(ids: Sequence[Ids]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and attention mask, int64 ``[n, longest]``; padding is id 0, masked."""
    longest = max((len(one) for one in ids), default=0)
    tokens = np.zeros((len(ids), longest), dtype=np.int64)
    mask = np.zeros((len(ids), longest), dtype=np.int64)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return tokens, mask


def training_batches(lengths: NDArray[np.int64], batch: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """One pass over all rows in batches of like length, in an order that depends on seed and epoch alone."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    order = rng.permutation(len(lengths))
    pool = batch * SORTED_BATCHES
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[at : at + batch] for at in range(0, len(part), batch)]
    return [batches[place] for place in rng.permutation(len(batches))]


def reading_batches(lengths: NDArray[np.int64], tokens: int = 4096) -> Iterator[NDArray[np.int64]]:
    """Rows of one length each, at most ``tokens`` tokens together: without padding no answer depends on another row."""
    order = np.argsort(lengths, kind="stable")
    edges = np.flatnonzero(np.diff(lengths[order])) + 1
    for group in np.split(order, edges):
        if len(group):
            size = max(1, tokens // max(1, int(lengths[group[0]])))
            for start in range(0, len(group), size):
                yield group[start : start + size]
