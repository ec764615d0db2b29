"""Several public files become one table; each keeps its part."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from pipelines.blocks.sources import PublicPart, PublicPartsSource
from pipelines.errors import SourceError, StageError
from pipelines.sources import Place, pin, read

TRAIN, TEST = b"text,label\nmy card,a\nmy fee,b\n", b"text,label\na card,a\n"


def source(folder: Path, train: bytes = TRAIN, test: bytes = TEST) -> PublicPartsSource:
    parts = {}
    for name, content in (("train", train), ("test", test)):
        (folder / f"{name}.csv").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        parts[name] = PublicPart(path=f"{name}.csv", url="http://127.0.0.1:9/none", sha256=digest)
    return PublicPartsSource(kind="public_parts", parts=parts, licence="x", attribution="y")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("NIGHTSHIFT_MIRROR", str(tmp_path))
    return Place(product="shop", root=tmp_path, downloads=tmp_path / "downloads", id="row")


def test_rows_come_part_by_part_with_made_ids(tmp_path: Path, place: Place) -> None:
    asked = source(tmp_path)
    rows = read(asked, place, pin(asked, place, date(2026, 1, 1), tmp_path), tmp_path)
    assert rows.frame["row"].tolist() == ["train-0", "train-1", "test-0"]
    assert rows.frame["split"].tolist() == ["train", "train", "test"]
    assert rows.frame["text"].tolist() == ["my card", "my fee", "a card"]


def test_parts_of_another_form_are_refused(tmp_path: Path, place: Place) -> None:
    asked = source(tmp_path, test=b"words,label\na card,a\n")
    with pytest.raises(SourceError, match="'test' has other columns"):
        read(asked, place, pin(asked, place, date(2026, 1, 1), tmp_path), tmp_path)


def test_a_pin_of_other_checksums_is_stale(tmp_path: Path, place: Place) -> None:
    asked = source(tmp_path)
    pinned = pin(asked, place, date(2026, 1, 1), tmp_path)
    with pytest.raises(StageError, match="no longer fits"):
        read(source(tmp_path, train=TRAIN + b"more,a\n"), place, pinned, tmp_path)
