"""Cleaning and cutting of texts, whatever comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.text import character_grams, clean, same_text, words

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


@given(ANY)
def test_cleaned_text_is_printable_and_has_single_spaces(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert cleaned == " ".join(cleaned.split())


@given(ANY)
def test_words_hold_no_space_and_are_in_lower_case(text: str) -> None:
    for word in words(clean(text)):
        assert word
        assert not any(letter.isspace() for letter in word)
        assert word == word.casefold()[: len(word)]


def test_html_entities_and_control_characters_are_resolved() -> None:
    assert clean("<p class='x'>Tom &amp; Ana</p>\x00\x07 said\u200b: 3 < 4") == "Tom & Ana said : 3 < 4"


def test_an_unclosed_tag_of_a_megabyte_is_cleaned_in_time() -> None:
    assert len(clean("<a" * 500_000)) == 1_000_000


def test_texts_that_differ_in_case_and_signs_are_the_same() -> None:
    assert same_text("Where's my CARD?!") == same_text("where's  my card")
    assert same_text("my card") != same_text("my cards")


def test_character_grams_mark_the_borders_of_a_word() -> None:
    assert list(character_grams("ab", 3, 5)) == [" ab", "ab ", " ab "]
