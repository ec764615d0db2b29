"""The pieces of a pretrained model: its own fast tokenizer, with slots and marks added as whole pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.errors import BundleError, ConfigError

WORD = "a"  # any text, to see what the tokenizer puts around it


class Subwords:
    """Reads and writes like :class:`pipelines.models.seq2seq.pieces.Pieces`.

    Attributes:
        content: the tokenizer's JSON.
        tokens: the pieces in order of their number.
        before: what the tokenizer puts before every text.
        behind: and behind it.
        special: numbers of pieces that are no text.
    """

    def __init__(self, content: str) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_str(content)
        except Exception as error:  # tokenizers raises plain Exception
            raise BundleError(
                f"not a tokenizer: {' '.join(str(error).split())[:160]}", next_step="pack the model again"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.content = self._tokenizer.to_str()
        vocabulary: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        self.tokens = [""] * (max(vocabulary.values()) + 1)
        for token, number in vocabulary.items():
            self.tokens[number] = token
        added = self.to_json().get("added_tokens") or []
        self.special = sorted({int(one["id"]) for one in added if one.get("special")})
        bare = self._tokenizer.encode(WORD, add_special_tokens=False).ids
        whole = self._tokenizer.encode(WORD).ids
        at = next((n for n in range(len(whole)) if whole[n : n + len(bare)] == bare), 0)
        self.before, self.behind = whole[:at], whole[at + len(bare) :]

    def encode(self, text: str) -> list[int]:
        """Numbers of a text's pieces, without what the tokenizer puts around it."""
        return [int(number) for number in self._tokenizer.encode(text, add_special_tokens=False).ids]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of pieces; special ones are left out, added ones (slots, marks) are kept."""
        return str(self._tokenizer.decode(list(numbers), skip_special_tokens=True)).strip()

    def to_json(self) -> dict[str, Any]:
        return json.loads(self.content)  # type: ignore[no-any-return]


def with_whole(content: str, whole: Sequence[str]) -> Subwords:
    """A tokenizer with pieces that are never split and keep the spaces around them.

    Raises:
        ConfigError: the tokenizer does not keep one of them whole.
    """
    from tokenizers import AddedToken, Tokenizer

    tokenizer = Tokenizer.from_str(content)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in dict.fromkeys(whole)])
    made = Subwords(tokenizer.to_str())
    for token in whole:
        if made.decode(made.encode(token)) != token:
            raise ConfigError(
                f"the tokenizer cannot hold {token!r} as one piece",
                where={"key": "candidates.*.params.weights"},
                next_step="choose a model with a fast tokenizer that takes added tokens",
            )
    return made
