"""Near-duplicates are found across two lists of texts, and texts that merely share words are not."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.problems.text.core.duplicates import likeness, near_pairs, shingles, text_codes

LONG = "The patient is a seventy year old man who was seen because of chest pain on effort and a heart murmur"


def test_case_and_signs_make_no_other_text() -> None:
    codes = text_codes(["My card!", "my  card", "my cards", "<b>My</b> card"])
    assert codes.tolist() == [0, 0, 1, 0]


def test_a_text_with_one_word_changed_is_found() -> None:
    changed = LONG.replace("murmur", "tremor")
    others = ["something else entirely, about a refund", changed]
    pairs = near_pairs([LONG], others, 0.8)
    assert [(one, other) for one, other, _ in pairs] == [(0, 1)]
    assert pairs[0][2] == likeness(shingles(LONG), shingles(changed))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("abcd ", min_size=1, max_size=40), min_size=1, max_size=12), st.integers(0, 3))
def test_every_pair_as_like_as_asked_is_found(texts: list[str], cut: int) -> None:
    held, others = texts[:cut], texts[cut:]
    wanted = {
        place
        for place, other in enumerate(others)
        if any(likeness(shingles(one), shingles(other)) >= 0.95 for one in held)
    }
    assert {place for _, place, _ in near_pairs(held, others, 0.95)} == wanted


def test_no_text_is_like_nothing() -> None:
    assert near_pairs([], ["a"], 0.9) == []
    assert near_pairs(["a"], [], 0.9) == []
    assert np.array_equal(text_codes([]), np.array([], dtype=np.int64))
