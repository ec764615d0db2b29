"""A word-piece tokenizer learned from the product's own texts: the same texts give the same one.

The trainers of the tokenizers library break ties by the order of a hash map, so that two runs differ; here pieces are
ranked by the letters that they save, ``count (length - 1)``, and by their spelling where that is equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST = 10  # letters of a piece that is no whole word
INSIDE = "##"


def learn_tokenizer(texts: Sequence[str], size: int) -> str:
    """The JSON of a lower-casing BERT tokenizer with about ``size`` word pieces; id 0 is the padding.

    Every letter of the texts is a piece, so that no word of them is unknown.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    pieces = _pieces(words, size - len(SPECIAL))
    vocabulary = {piece: place for place, piece in enumerate([*SPECIAL, *pieces])}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return str(tokenizer.to_str())


def _pieces(words: Counter[str], size: int) -> list[str]:
    letters: set[str] = set()
    counts: Counter[str] = Counter()
    for word, times in words.items():
        letters.update([word[:1], *(INSIDE + letter for letter in word[1:])])
        counts[word] += times
        for start in range(len(word)):
            for end in range(start + 2, min(len(word), start + LONGEST) + 1):
                if end - start < len(word):
                    counts[(INSIDE if start else "") + word[start:end]] += times
    worth = {
        piece: count * (len(piece.removeprefix(INSIDE)) - 1)
        for piece, count in counts.items()
        if count > 1 and piece not in letters
    }
    ranked = sorted(worth, key=lambda piece: (-worth[piece], piece))
    return sorted(letters) + ranked[: max(0, size - len(letters))]
