from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from bundles import bundle_of

from pipelines.errors import BundleError, RecordsError
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.store import open_records
from pipelines.serving import board as boards
from pipelines.serving.board import Board, Wanted
from pipelines.serving.loaded import load
from pipelines.serving.sources import Champions, Fixed


class Pointer:
    """A source whose word can be changed."""

    def __init__(self, **wanted: tuple[str | None, Path]) -> None:
        self.now: dict[str, tuple[str | None, Path]] = dict(wanted)
        self.error: RecordsError | None = None

    def wanted(self) -> Wanted:
        if self.error:
            raise self.error
        return self.now

    def waits_for(self) -> str:
        return "a champion"


class Fake:
    def __init__(self, product: str, version: str | None, folder: Path) -> None:
        self.product, self.version, self.folder = product, version or "fixed", folder


def fake_loader(product: str, version: str | None, folder: Path) -> Any:
    if folder.name == "damaged":
        raise BundleError("a file was changed", next_step="pack it again")
    return Fake(product, version, folder)


A, B = Path("a"), Path("b")


def test_the_board_follows_the_pointer_and_keeps_what_has_not_moved() -> None:
    source = Pointer(p=("1", A), q=("1", B))
    board = Board(source, fake_loader)
    assert board.refresh()
    first = board.current
    assert not board.refresh()
    assert board.current is first
    source.now["p"] = ("2", A / "2")
    assert board.refresh()
    assert board.current["p"].version == "2"
    assert board.current["q"] is first["q"]
    assert first["p"].version == "1", "a request that took the old board sees the old model to its end"
    del source.now["q"]
    assert board.refresh()
    assert set(board.current) == {"p"}


def test_a_bundle_that_cannot_be_loaded_leaves_the_old_model_and_is_not_tried_every_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = []

    def loader(product: str, version: str | None, folder: Path) -> Any:
        tries.append(folder.name)
        return fake_loader(product, version, folder)

    source = Pointer(p=("1", A))
    board = Board(source, loader)
    board.refresh()
    source.now["p"] = ("2", Path("damaged"))
    for _ in range(3):
        board.refresh()
    assert board.current["p"].version == "1"
    assert tries == ["a", "damaged"]
    ready, words = board.readiness()
    assert ready, "the old model still answers"
    assert "serves p 1; waits for p: a file was changed" in words
    monkeypatch.setattr(boards, "RETRY_SECONDS", 0.0)
    board.refresh()
    assert tries == ["a", "damaged", "damaged"]


def test_unreachable_records_leave_what_is_served() -> None:
    source = Pointer(p=("1", A))
    board = Board(source, fake_loader)
    board.refresh()
    source.error = RecordsError("the records are locked", next_step="wait")
    assert not board.refresh()
    assert board.current["p"].version == "1"
    assert board.readiness()[0]
    source.error = None
    board.refresh()
    assert board.readiness() == (True, "serves p 1")


def test_readiness_says_in_words_what_is_waited_for() -> None:
    assert Board().readiness() == (False, "waits for its start")
    assert Board(Pointer()).readiness() == (False, "waits for a champion")
    board = Board(Pointer(p=("1", Path("damaged")), q=("1", A)), fake_loader)
    board.refresh()
    ready, words = board.readiness()
    assert not ready
    assert "serves q 1; waits for p: a file was changed" in words


def test_a_stuck_source_does_not_end_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "POLL_SECONDS", 0.02)
    source = Pointer(p=("1", A))
    board = Board(loader=fake_loader)
    board.follow(source)
    try:
        source.now = {"p": 7}  # type: ignore[dict-item]
        time.sleep(0.1)
        source.now = {"p": ("2", A)}
        deadline = time.monotonic() + 5
        while board.current["p"].version != "2" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert board.current["p"].version == "2"
    finally:
        board.stop()
    assert not any(thread.name == "champions" for thread in threading.enumerate())


def test_champions_come_from_the_records(small: Layout, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    records = open_records(layout.records_url)
    source = Champions(layout)
    assert source.wanted() == {}
    assert "nightshift night" in source.waits_for()
    registry.add_version(records, Version("breast", "v1", "n"))
    registry.move_champion(records, "breast", "v1", kind="promote", who="w", why="y", expected=None)
    assert source.wanted() == {"breast": ("v1", layout.bundle("breast", "v1"))}


def test_fixed_bundles_are_loaded_whatever_their_version(small: Layout) -> None:
    board = Board(Fixed({"breast": bundle_of(small, "breast")}), load)
    assert board.refresh()
    assert not board.refresh()
    assert board.readiness() == (True, f"serves breast {board.current['breast'].version}")
