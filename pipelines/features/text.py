"""Text as words and character n-grams: the same lines at fitting and in the service; the standard library only."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

TAG = re.compile(r"<[/!a-zA-Z][^<>]{0,500}>")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]", re.UNICODE)
SPACE = re.compile(r"\s+")
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")
LONGEST_WORD = 40  # characters of a word that are looked at


def clean(text: str) -> str:
    """Text as a person would read it: HTML tags and entities resolved, control characters out, one space between words.

    Unicode is composed (NFKC), so that one letter has one form. Letters keep their case.
    """
    if "<" in text:
        text = TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFKC", text)
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(letter) in INVISIBLE else letter for letter in text)
    return SPACE.sub(" ", text).strip()


def words(text: str) -> list[str]:
    """Words, numbers and single signs of a cleaned text, in order, in lower case."""
    return [word[:LONGEST_WORD] for word in WORD.findall(text.casefold())]


def word_spans(text: str) -> list[tuple[str, int, int]]:
    """``(word as in the text, start, end)`` of each of :func:`words`, for texts whose lower case is as long."""
    return [(found.group(), found.start(), found.end()) for found in WORD.finditer(text)]


def character_grams(word: str, shortest: int, longest: int) -> Iterator[str]:
    """Every run of ``shortest`` to ``longest`` letters of a word with a space before and behind it."""
    padded = f" {word} "
    for size in range(shortest, longest + 1):
        if size >= len(padded):
            yield padded
            return
        for start in range(len(padded) - size + 1):
            yield padded[start : start + size]


def same_text(text: str) -> str:
    """What two texts have in common that differ only in case, punctuation, accents' form or spacing."""
    return " ".join(word for word in words(clean(text)) if word[0].isalnum())
