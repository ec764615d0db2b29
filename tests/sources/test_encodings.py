"""Encodings are proved by bytes or guessed and said; files in them are read as they are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.blocks.sources import FileSource
from pipelines.errors import SourceError
from pipelines.sources.batches import batches, open_reading
from pipelines.sources.encodings import guess
from pipelines.sources.tables import read_raw

GERMAN = "Name;Straße;Preis\nMüller;Hauptstraße 5;12,50\nJörg;Überweg 2;3,20\n" * 20
CHINESE = "编号,年龄,性别,类别\n1,23,男,甲\n2,45,女,乙\n" * 20
RUSSIAN = "Имя,Город\nИван,Москва\nМария,Казань\n" * 20
POLISH = "Imię,Miasto\nŁukasz,Łódź\nŻaneta,Gdańsk\n" * 20


@pytest.mark.parametrize(
    ("text", "encoding", "wanted"),
    [
        ("a,b\n1,2\n", "ascii", "utf-8-sig"),
        (GERMAN, "utf-8", "utf-8-sig"),
        (GERMAN, "utf-16", "utf-16"),
        (GERMAN, "utf-16-le", "utf-16-le"),
        (GERMAN, "utf-16-be", "utf-16-be"),
        (CHINESE, "utf-32", "utf-32"),
    ],
)
def test_what_the_bytes_prove_is_sure(text: str, encoding: str, wanted: str) -> None:
    found = guess(text.encode(encoding))
    assert (found.name, found.sure) == (wanted, True)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(GERMAN, "cp1252"), (CHINESE, "gb18030"), (RUSSIAN, "cp1251"), (POLISH, "cp1250"), ("a,b\n1,café\n", "cp1252")],
)
def test_others_are_guessed_with_words_to_judge_by(text: str, encoding: str) -> None:
    found = guess(text.encode(encoding))
    assert (found.name, found.sure) == (encoding, False)
    assert found.why
    assert all(word in text for word in found.example.split())


def test_a_character_cut_at_the_end_does_not_hide_utf8() -> None:
    assert guess("ü".encode() * 100 + b"\xc3").name == "utf-8-sig"


@pytest.mark.parametrize(("text", "encoding"), [(GERMAN, "cp1252"), (CHINESE, "gb18030"), (GERMAN, "utf-16")])
def test_a_file_is_read_alike_whole_and_in_pieces(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    reading = open_reading(path)
    assert reading.encoding is not None
    pieces = list(batches(reading, cells=1))
    whole = read_raw(path, encoding=reading.encoding.name)
    assert sum(map(len, pieces)) == len(whole)
    assert [tuple(row) for piece in pieces for row in piece.to_numpy()] == [tuple(row) for row in whole.to_numpy()]
    assert list(pieces[0].columns) == list(whole.columns)


def test_a_file_that_is_not_utf8_names_its_likely_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(GERMAN.encode("cp1252"))
    with pytest.raises(SourceError, match="cp1252") as caught:
        read_raw(path)
    assert "source.encoding" in caught.value.next_step


def test_an_encoding_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no such encoding"):
        FileSource(kind="file", path="x.csv", encoding="klingon")
    with pytest.raises(ValueError, match="same sign"):
        FileSource(kind="file", path="x.csv", decimal=",", thousands=",")
