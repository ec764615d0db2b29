"""Small changes to a text that leave its meaning: a word left out, two neighbours swapped, a slip of the keys.

The first two are of Wei and Zou (2019), EDA: Easy Data Augmentation Techniques.
"""

from __future__ import annotations

import numpy as np

SHORTEST = 4  # letters of a word that gets a slip
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def changed(text: str, share: float, rng: np.random.Generator) -> str:
    """The text with about ``share`` of its words changed, each in one of the three ways; never empty.

    Args:
        text: words parted by spaces.
        share: of the words, from 0 to 1.
        rng: decides which words and how.
    """
    words = text.split()
    if not words or share <= 0:
        return text
    picked = np.flatnonzero(rng.random(len(words)) < share).tolist()
    left_out: set[int] = set()
    for place in picked:
        way = int(rng.integers(3))
        if way == 0 and len(words) - len(left_out) > 2:
            left_out.add(place)
        elif way == 1 and place + 1 < len(words):
            words[place], words[place + 1] = words[place + 1], words[place]
        else:
            words[place] = slip(words[place], rng)
    return " ".join(word for place, word in enumerate(words) if place not in left_out)


def slip(word: str, rng: np.random.Generator) -> str:
    """A word with two inner letters swapped, one left out, one doubled or one wrong; a short word stays."""
    if len(word) < SHORTEST:
        return word
    at = int(rng.integers(1, len(word) - 2))
    way = int(rng.integers(4))
    if way == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if way == 1:
        return word[:at] + word[at + 1 :]
    if way == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + LETTERS[int(rng.integers(len(LETTERS)))] + word[at + 1 :]
