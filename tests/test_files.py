from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import files


def test_a_failed_block_leaves_the_old_folder_and_no_temporary_one(tmp_path: Path) -> None:
    final = tmp_path / "out"
    final.mkdir()
    (final / "old").write_text("kept")
    with pytest.raises(RuntimeError), files.replaced_folder(final) as out:
        (out / "new").write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_a_finished_block_replaces_the_folder_whole(tmp_path: Path) -> None:
    final = tmp_path / "out"
    final.mkdir()
    (final / "old").write_text("gone")
    (tmp_path / ".out.tmp").mkdir()
    (tmp_path / ".out.tmp" / "left by a kill").write_text("")
    with files.replaced_folder(final) as out:
        (out / "new").write_text("whole")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "out"]


def test_equal_frames_give_equal_parquet_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"数": [1.5, np.nan], "text": ["ä", None], "n": pd.array([1, None], dtype="Int64")})
    files.write_parquet(tmp_path / "a.parquet", frame)
    files.write_parquet(tmp_path / "b.parquet", frame.copy())
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert list(files.read_parquet(tmp_path / "a.parquet").columns) == ["数", "text", "n"]


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.text(), st.integers(), st.floats(allow_nan=False))))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    if any(isinstance(item, float) and not np.isfinite(item) for item in value.values()):
        with pytest.raises(ValueError):
            files.canonical_json(value)
        return
    assert files.canonical_json(value) == files.canonical_json(dict(reversed(value.items())))


def test_json_numbers_are_finite_or_null() -> None:
    assert files.json_number(float("nan")) is None
    assert files.json_number(float("inf")) is None
    assert files.json_number(0.1 + 0.2) == 0.3


def test_the_tree_digest_names_every_file(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    digests = files.sha256_tree(tmp_path)
    assert list(digests) == ["a.txt", "b/c.txt"]
    assert len(set(digests.values())) == 1
