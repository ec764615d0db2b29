"""Files become tables that keep every value; what cannot be read is named with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import SourceError
from pipelines.files import read_parquet, write_parquet
from pipelines.sources.tables import MISSING, read_table, typed
from pipelines.validation import casts


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    text = f'a{separator}b\n1{separator}"x, y; z"\n2{separator}w\n'
    table = read_table(written(tmp_path, "t.csv", text))
    assert table.to_dict("list") == {"a": [1, 2], "b": ["x, y; z", "w"]}


def test_decimal_commas_do_not_fool_the_sniffer(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t.csv", "a;b\n1,5;2,5\n3,5;4,5\n"))
    assert table.columns.tolist() == ["a", "b"]
    assert table["a"].tolist() == ["1,5", "3,5"]


def test_blank_lines_before_the_header_and_bare_cr_are_fine(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "t.csv", "\n\na,b\n1,2\n"))["b"].tolist() == [2]
    assert read_table(written(tmp_path, "u.csv", "a,b\r1,2\r3,4\r"))["b"].tolist() == [2, 4]


def test_a_quoted_value_may_hold_a_line_end(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "t.csv", 'a,b\n1,"x\ny"\n'))["b"].tolist() == ["x\ny"]


def test_one_column_needs_no_separator(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "t.csv", "a\n1\n2\n"))["a"].tolist() == [1, 2]


def test_gzip_is_seen_by_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0))
    assert read_table(path).to_dict("list") == {"a": [1], "b": [2]}


def test_unicode_headers_are_composed_and_stripped(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t.csv", "\ufeff Größe ,e\u0301,年龄\n1,2,3\n"))
    assert table.columns.tolist() == ["Größe", "é", "年龄"]


def test_a_nameless_column_gets_a_name(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "t.csv", ",b\n0,1\n")).columns.tolist() == ["column_1", "b"]


def test_utf_16_is_read(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "t.csv", "ä,b\n1,2\n".encode("utf-16"))).columns.tolist() == ["ä", "b"]


def test_numbers_missing_infinite_and_coded(tmp_path: Path) -> None:
    text = "i,f,code,mixed,empty,big\n1,1.5,007,3,,12345678901234567890\nNA,inf,012,x,,1\n"
    table = read_table(written(tmp_path, "t.csv", text))
    assert table["i"].dtype == np.float64
    assert np.isnan(table["i"][1])
    assert np.isinf(table["f"][1])
    assert table["code"].tolist() == ["007", "012"]
    assert table["mixed"].tolist() == ["3", "x"]
    assert table["empty"].isna().all()
    assert table["big"].tolist() == ["12345678901234567890", "1"]


def test_a_text_column_keeps_words_that_look_missing(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t.csv", 'country,n\nNA,1\nDE,2\n"",3\n'))
    assert table["country"].tolist() == ["NA", "DE", None]


def test_missing_means_the_same_here_and_in_the_contract() -> None:
    assert MISSING == casts.MISSING


def test_jsonl_takes_all_keys_and_keeps_nested_values_as_text(tmp_path: Path) -> None:
    lines = [{"a": 1, "b": "x"}, {"a": 2.5, "c": [1, {"k": "ü"}]}, {"a": None, "c": True}]
    table = read_table(written(tmp_path, "t.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n"))
    assert table.columns.tolist() == ["a", "b", "c"]
    assert table["a"].tolist()[:2] == [1.0, 2.5]
    assert table["c"].tolist() == [None, '[1, {"k": "ü"}]', "True"]


def test_parquet_keeps_types_and_dates(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "when": pd.to_datetime(["2020-01-01", "2021-02-03"]), "c": ["x", None]})
    frame["kind"] = pd.Categorical(["p", "q"])
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table["when"].dt.year.tolist() == [2020, 2021]
    assert table["kind"].tolist() == ["p", "q"]
    assert table["n"].dtype == np.int64


@pytest.mark.parametrize(
    ("name", "content", "said", "line"),
    [
        ("t.csv", b"", "the file is empty", None),
        ("t.csv", b" \n\n", "the file is empty", None),
        ("t.csv", b"a,b\n1,2,3\n", "not a table", None),
        ("t.csv", b"a,a\n1,2\n", "two columns named 'a'", 1),
        ("t.csv", b"a,b\n1,\xff\n", "not utf-8", 2),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "damaged or truncated gzip", None),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', "not JSON", 2),
        ("t.jsonl", b'{"a": 1}\n[1]\n', "not a JSON object", 2),
        ("t.parquet", b"PAR1 no", "not a readable Parquet file", None),
        ("t.xlsx", b"PK", "unknown file ending '.xlsx'", None),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, said: str, line: int | None) -> None:
    with pytest.raises(SourceError, match="product=shop, file=t") as caught:
        read_table(written(tmp_path, name, content), product="shop")
    assert said in caught.value.what
    assert caught.value.where.get("line") == line
    assert caught.value.next_step


def test_a_row_that_is_too_long_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 3, saw 3"):
        read_table(written(tmp_path, "t.csv", "a,b\n1,2\n1,2,3\n"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_table(tmp_path / "gone.csv")


values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers()))


@settings(max_examples=150, deadline=None)
@given(st.lists(values, min_size=1, max_size=12))
def test_any_column_fits_parquet_and_comes_back(tmp_path_factory: pytest.TempPathFactory, column: list) -> None:
    frame = typed(pd.DataFrame({"x": pd.Series(column, dtype=object)}))
    path = tmp_path_factory.mktemp("t") / "x.parquet"
    write_parquet(path, frame)
    back = read_parquet(path)["x"]
    assert back.isna().tolist() == frame["x"].isna().tolist()
    assert back[back.notna()].tolist() == frame["x"][frame["x"].notna()].tolist()
    assert typed(frame)["x"].equals(frame["x"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=20))
def test_whole_numbers_survive_as_text(numbers: list[int]) -> None:
    column = typed(pd.DataFrame({"x": pd.Series([str(number) for number in numbers], dtype=object)}))["x"]
    assert column.dtype == np.int64
    assert column.tolist() == numbers
