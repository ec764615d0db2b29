"""Byte-pair pieces (Sennrich et al., ACL 2016), learned by the tokenizers library and read by plain Python."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

WORD = re.compile(r"\{[\w.]+\}|<[\w:]+>|[^\W\d_]+|\d|[^\w\s]|_")
SPACE = "\u2581"
PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
CACHED = 50_000  # words


def split(text: str) -> list[str]:
    """Slots, marks, words, digits and signs; what follows a space is marked by ``SPACE``."""
    found = []
    for match in WORD.finditer(text):
        spaced = match.start() > 0 and text[match.start() - 1].isspace()
        whole = match[0][0] in "{<" and len(match[0]) > 1
        found += [SPACE, match[0]] if whole and spaced else [SPACE + match[0] if spaced else match[0]]
    return found


class Pieces:
    """A fixed vocabulary with its merges.

    Attributes:
        tokens: the pieces in order of their number; special ones, then whole ones (slots, marks), then learned ones.
        merges: pairs in order of their rank.
    """

    def __init__(self, tokens: Sequence[str], merges: Sequence[Sequence[str]]) -> None:
        self.tokens, self.merges = list(tokens), [(pair[0], pair[1]) for pair in merges]
        self._number = {token: number for number, token in enumerate(self.tokens)}
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Numbers of a text's pieces, without start and end."""
        found: list[int] = []
        for word in split(text):
            found += self._word(word)
        return found

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of pieces; special ones are left out."""
        kept = [self.tokens[number] for number in numbers if number >= len(SPECIAL)]
        return "".join(kept).replace(SPACE, " ").strip()

    def number(self, token: str) -> int:
        """The number of a piece, ``UNKNOWN`` where there is none."""
        return self._number.get(token, UNKNOWN)

    def to_json(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "merges": [list(pair) for pair in self.merges]}

    def _word(self, word: str) -> list[int]:
        if word in self._cache:
            return self._cache[word]
        parts = [word] if word in self._number else self._merged(list(word))
        numbers = [self._number.get(part, UNKNOWN) for part in parts]
        if len(self._cache) < CACHED:
            self._cache[word] = numbers
        return numbers

    def _merged(self, parts: list[str]) -> list[str]:
        while len(parts) > 1:
            ranked = [(self._rank.get((parts[i], parts[i + 1]), len(self._rank)), i) for i in range(len(parts) - 1)]
            rank, place = min(ranked)
            if rank == len(self._rank):
                break
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        return parts


def learn(texts: Sequence[str], whole: Sequence[str], size: int) -> Pieces:
    """Learn up to ``size`` pieces; ``whole`` (slots, marks) are never split."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    first = [*SPECIAL, *dict.fromkeys(whole)]
    held = set(first)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=first, show_progress=False)
    words = (" ".join(word for word in split(text) if word not in held) for text in texts)
    tokenizer.train_from_iterator(words, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [pair.split(" ") if isinstance(pair, str) else list(pair) for pair in model["merges"]]
    return Pieces(tokens, merges)
