"""Large files are pinned piece by piece, to the bytes that reading all at once gives; errors are the same too."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import files as whole_files
from pipelines.blocks.sources import FileSource
from pipelines.errors import SourceError
from pipelines.files import read_parquet
from pipelines.sources import Place, pin, streamed

DAY = date(2026, 6, 30)
ROWS = 450  # pieces have 200


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "CELLS", 1)
    for module in (streamed, whole_files):
        monkeypatch.setattr(module, "ROW_GROUP", 320)


def both(folder: Path, pattern: str, time: str | None = None, **options: Any) -> tuple[bytes, bytes | None]:
    """What the plain way pins, and what the way in pieces does; None where it leaves a file to the plain one."""
    source = FileSource(kind="file", path=pattern, **options)
    place = Place(product="own", root=folder, downloads=folder / "downloads", time=time)
    (folder / "plain").mkdir(exist_ok=True)
    pinned = pin(source, place, DAY, folder / "plain")
    plain = (folder / "plain" / "rows.parquet").read_bytes()
    used: list[int | None] = []
    real = streamed.write_streamed
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(streamed, "LARGE", 0)
        patched.setattr(streamed, "write_streamed", lambda *given: used.append(real(*given)) or used[-1])
        (folder / "pieces").mkdir(exist_ok=True)
        assert pin(source, place, DAY, folder / "pieces") == pinned
    pieces = (folder / "pieces" / "rows.parquet").read_bytes()
    assert pieces == plain
    return plain, pieces if used[0] is not None else None


COLUMNS: dict[str, list[str]] = {
    "whole": [str(place) for place in range(ROWS)],
    "whole, some missing": ["" if place % 7 == 0 else str(place) for place in range(ROWS)],
    "missing only in the last piece": [str(place) if place < 440 else "NA" for place in range(ROWS)],
    "decimal in the last piece": [str(place) if place < 440 else f"{place}.5" for place in range(ROWS)],
    "a word in the last piece": [str(place) if place < 449 else "none" for place in range(ROWS)],
    "a code in the last piece": [str(place) if place < 449 else "007" for place in range(ROWS)],
    "large": [str(2**60 + place) for place in range(ROWS)],
    "large, some missing": [str(2**60 + place) if place % 50 else "" for place in range(ROWS)],
    "text": [f"w {place % 5}, é漢" for place in range(ROWS)],
    "text only in the first piece": ["x" if place == 0 else "" for place in range(ROWS)],
    "nothing": ["" for _ in range(ROWS)],
    "yes and no": ["True" if place % 2 else "False" for place in range(ROWS)],
    "exponents and infinity": ["inf" if place == 3 else f"{place}e-3" for place in range(ROWS)],
}


def table(folder: Path, columns: dict[str, list[str]], name: str = "t.csv", encoding: str = "utf-8") -> None:
    text = pd.DataFrame(columns).to_csv(index=False)
    content = text.encode(encoding)
    (folder / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)


def test_every_kind_of_column_comes_out_as_the_plain_way_types_it(tmp_path: Path) -> None:
    table(tmp_path, COLUMNS)
    assert both(tmp_path, "t.csv")[1] is not None
    kinds = {name: str(kind) for name, kind in read_parquet(tmp_path / "pieces" / "rows.parquet").dtypes.items()}
    assert kinds["whole"] == kinds["large"] == "int64"
    assert kinds["missing only in the last piece"] == kinds["decimal in the last piece"] == "float64"
    assert kinds["a word in the last piece"] == kinds["a code in the last piece"] == "object"


CELL = st.sampled_from(["", "NA", "1", "-3", "2.5", "1e3", "007", "x", "nan", " 4", "9007199254740993", "True"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.lists(CELL, min_size=1, max_size=3), later=st.lists(CELL, min_size=1, max_size=2), at=st.integers(1, 449)
)
def test_whatever_stands_where_the_bytes_are_equal(
    tmp_path_factory: pytest.TempPathFactory, first: list[str], later: list[str], at: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    cells = [(later if place >= at else first)[place % len(later if place >= at else first)] for place in range(ROWS)]
    table(folder, {"a": cells, "b": [str(place) for place in range(ROWS)]})
    both(folder, "t.csv")


@pytest.mark.parametrize(("name", "encoding"), [("t.csv.gz", "utf-8"), ("t.csv", "utf-8-sig"), ("t.csv", "utf-16")])
def test_packed_and_marked_files_too(tmp_path: Path, name: str, encoding: str) -> None:
    table(tmp_path, {"é": [str(place) for place in range(ROWS)], "b": ["ü"] * ROWS}, name, encoding)
    assert both(tmp_path, name)[1] is not None


def test_several_files_are_typed_together_and_their_columns_found_by_name(tmp_path: Path) -> None:
    table(tmp_path, {"a": ["1"] * 250, "b": ["x"] * 250}, "1.csv")
    table(tmp_path, {"b": ["y"] * 250, "a": ["1.5"] * 250}, "2.csv")
    assert both(tmp_path, "*.csv")[1] is not None
    assert read_parquet(tmp_path / "pieces" / "rows.parquet")["a"].tolist() == [1.0] * 250 + [1.5] * 250


def test_later_days_stay_out(tmp_path: Path) -> None:
    days = [f"2026-0{1 + place // 50}-15" if place < ROWS - 1 else "some day" for place in range(ROWS)]
    table(tmp_path, {"day": days, "a": ["1"] * ROWS})
    assert both(tmp_path, "t.csv", time="day")[1] is not None
    assert len(read_parquet(tmp_path / "pieces" / "rows.parquet")) == 301


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    numbers = np.arange(ROWS)
    frame = pd.DataFrame(
        {
            "whole": numbers,
            "gap": pd.array([None if place == 430 else int(place) for place in numbers], dtype="Int64"),
            "short": numbers.astype(np.int16),
            "real": numbers / 7,
            "flag": numbers % 2 == 0,
            "maybe": pd.array([None if place == 10 else bool(place % 2) for place in numbers], dtype="boolean"),
            "when": pd.date_range("2026-01-01", periods=ROWS, freq="h"),
            "zone": pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC"),
            "text": [f"t{place}" if place % 3 else None for place in numbers],
            "digits": [str(place) for place in numbers],
            "list": [[1, int(place)] for place in numbers],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    assert both(tmp_path, "t.parquet")[1] is not None


def test_what_only_the_whole_column_tells_is_left_to_the_plain_way(tmp_path: Path) -> None:
    table(tmp_path, {"large with decimals": [str(2**60 + place) if place % 50 else "0.5" for place in range(ROWS)]})
    assert both(tmp_path, "t.csv")[1] is None
    table(tmp_path, {"a": ["1,5"] * ROWS})
    assert both(tmp_path, "t.csv", decimal=",", separator=";")[1] is None
    table(tmp_path, {"day": ["31.01.2026"] * ROWS})
    assert both(tmp_path, "t.csv", dates={"day": ["%d.%m.%Y"]})[1] is None
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n' * ROWS)
    assert both(tmp_path, "t.jsonl")[1] is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n" + b"1,2\n" * 400 + b"1,2,3\n", "not a table"),
        (b"a,b\n" + b"1,2\n" * 400 + b"\xff\xfe,1\n", "not utf-8"),
        (b"a,a\n1,2\n", "two columns named 'a'"),
        (b"", "the file is empty"),
    ],
)
def test_what_is_wrong_is_said_as_the_plain_way_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    told = []
    for least in (1 << 40, 0):
        monkeypatch.setattr(streamed, "LARGE", least)
        with pytest.raises(SourceError, match=words) as raised:
            pin(FileSource(kind="file", path="t.csv"), Place("own", tmp_path, tmp_path, None), DAY, tmp_path)
        told.append(raised.value.line())
    assert told[0] == told[1]


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(tmp_path, {"a": ["1"] * ROWS})

    def grow(frame: pd.DataFrame) -> pd.DataFrame:
        with (tmp_path / "t.csv").open("a") as stream:
            stream.write("2\n")
        return frame

    with pytest.raises(SourceError, match="changed while it was read") as raised:
        streamed.write_streamed(
            tmp_path / "r.parquet", FileSource(kind="file", path="t.csv"), [tmp_path / "t.csv"], grow
        )
    assert raised.value.transient


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Twelve times the rows in at most 1.5 times the memory; read at once they take several times as much."""
    line = ",".join(f"some words {number}" for number in range(10)) + "\n"
    head = ",".join(f"c{number}" for number in range(10)) + "\n"
    peaks = []
    for rows in (50_000, 600_000):
        (tmp_path / "t.csv").write_text(head + line * rows)
        program = (
            "from datetime import date\nfrom pathlib import Path\nfrom pipelines import files\n"
            "from pipelines.blocks.sources import FileSource\nfrom pipelines.sources import Place, pin, streamed\n"
            "streamed.LARGE, streamed.CELLS, streamed.ROW_GROUP = 0, 100_000, 50_000\nfolder = Path('.')\n"
            "pin(FileSource(kind='file', path='t.csv'), Place('own', folder, folder, None), date(2026, 1, 1), folder)\n"
            "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
        )
        root = str(Path(__file__).resolve().parents[2])
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": root},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.5 * peaks[0], peaks
