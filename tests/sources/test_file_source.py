"""The company's own files: globs, copies, the day's border."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from pipelines.blocks.sources import FileSource
from pipelines.errors import SourceError, StageError
from pipelines.files import sha256_tree
from pipelines.sources import Place, pin, read

DAY = date(2026, 6, 30)


def place(folder: Path, time: str | None = None) -> Place:
    return Place(product="own", root=folder, downloads=folder / "downloads", time=time)


def pinned(folder: Path, pattern: str, time: str | None = None, out: str = "out") -> dict:
    (folder / out).mkdir(exist_ok=True)
    return pin(FileSource(kind="file", path=pattern), place(folder, time), DAY, folder / out)


def rows(folder: Path, pattern: str, time: str | None = None):
    content = pinned(folder, pattern, time)
    return read(FileSource(kind="file", path=pattern), place(folder, time), content, folder / "out").frame


def test_a_glob_joins_files_in_order_of_their_names_and_columns_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("y,x\n4,3\n")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n1,2\n"))
    assert rows(tmp_path, "*.csv*").to_dict("list") == {"x": [1, 3], "y": [2, 4]}


def test_types_come_from_all_files_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    (tmp_path / "b.csv").write_text("x\nabc\n")
    assert rows(tmp_path, "*.csv")["x"].tolist() == ["1", "2", "abc"]


def test_formats_may_be_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,n\nu,1\n")
    (tmp_path / "b.jsonl").write_text('{"x": "v", "n": 2}\n')
    assert rows(tmp_path, "*")["n"].tolist() == [1, 2]


def test_a_renamed_file_changes_nothing_and_a_changed_one_does(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    first = pinned(tmp_path, "*.csv")
    before = sha256_tree(tmp_path / "out")
    (tmp_path / "a.csv").rename(tmp_path / "z.csv")
    assert pinned(tmp_path, "*.csv") == first
    assert sha256_tree(tmp_path / "out") == before
    (tmp_path / "z.csv").write_text("x\n1\n3\n")
    assert pinned(tmp_path, "*.csv") != first


def test_rows_of_later_days_stay_out_and_unreadable_times_stay_in(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,when\n1,2026-06-30T23:59:59Z\n2,2026-07-01\n3,soon\n4,2026-01-05\n")
    assert rows(tmp_path, "a.csv", time="when")["x"].tolist() == [1, 3, 4]


def test_the_copy_is_read_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    content = pinned(tmp_path, "a.csv")
    (tmp_path / "a.csv").unlink()
    source = FileSource(kind="file", path="a.csv")
    assert read(source, place(tmp_path), content, tmp_path / "out").frame["x"].tolist() == [1]
    (tmp_path / "out" / "rows.parquet").write_bytes(b"")
    with pytest.raises(StageError, match="missing or was changed"):
        read(source, place(tmp_path), content, tmp_path / "out")


@pytest.mark.parametrize(("pattern", "said"), [("gone.csv", "no such file"), ("gone/*.csv", "no file matches")])
def test_nothing_there_is_said(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        pinned(tmp_path, pattern)
    assert caught.value.where["file"] == pattern


def test_differing_columns_name_the_file_and_the_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    with pytest.raises(SourceError, match="differ from those of a") as caught:
        pinned(tmp_path, "*.csv")
    assert (caught.value.where["file"], caught.value.where["missing"], caught.value.where["extra"]) == (
        "b.csv", ["y"], ["z"],
    )  # fmt: skip
