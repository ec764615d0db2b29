from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.records import shared, turns
from pipelines.records.shared import LockEntry
from pipelines.records.store import Records, open_records


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(f"sqlite:///{tmp_path / 'records.db'}")
    yield opened
    opened.close()


def entry(stage: str, night: str, text: str = "x", product: str = "alpha") -> LockEntry:
    return LockEntry(stage, product, night, text, {"a": "1"}, "passed")


def test_a_stage_has_the_entry_of_the_night_whose_turn_it_is(records: Records) -> None:
    assert shared.put_entry(records, entry("fetch@alpha", "old"))  # by hand: nobody's turn
    turns.take_turn(records, "dag", "run-new", "new")
    assert shared.put_entry(records, entry("fetch@alpha", "new", "y"))
    assert not shared.put_entry(records, entry("fetch@alpha", "old"))  # a task that was given up writes at last
    turns.give_turn(records, "dag", "run-new")
    assert shared.put_entry(records, entry("fetch@beta", "old", product="beta"))
    assert shared.entries(records, ["alpha"]) == {"fetch@alpha": entry("fetch@alpha", "new", "y")}
    assert list(shared.entries(records)) == ["fetch@alpha", "fetch@beta"]
    shared.forget_entries(records, ["fetch@alpha"])
    assert list(shared.entries(records)) == ["fetch@beta"]


def test_notes_and_paths_are_the_newest_and_go_with_their_night(records: Records) -> None:
    for content in ("1", "2"):
        shared.put_note(records, "n1", "alpha/steps/fetch.json", content)
    assert shared.note_of(records, "n1", "alpha/steps/fetch.json") == "2"
    assert shared.note_of(records, "n2", "alpha/steps/fetch.json") is None
    shared.put_path(records, "snapshots/a_b", "m1.dir", "n1")
    shared.put_path(records, "snapshots/axb", "m2.dir", "n1")  # _ is no wildcard
    shared.put_path(records, "nights/n1/alpha/a.html", "m3", "n1")
    assert shared.paths_below(records, "snapshots/a_b") == {"snapshots/a_b": "m1.dir"}
    assert shared.paths_below(records, "nights/n1") == {"nights/n1/alpha/a.html": "m3"}
    shared.forget_nights(records, ["n2"])
    assert shared.note_of(records, "n1", "alpha/steps/fetch.json") is None
    assert shared.paths_below(records, "nights") == {}
    assert shared.paths_below(records, "snapshots/a_b")


def test_one_turn_at_a_time_and_the_turn_of_one_that_is_gone_is_taken_once(records: Records) -> None:
    assert turns.take_turn(records, "dag", "first", "n-first") == "first"
    assert turns.take_turn(records, "dag", "first", "n-first") == "first"  # its retry
    assert turns.take_turn(records, "dag", "second", "n-second") == "first"
    assert turns.take_turn(records, "other", "second", "n-second") == "second"
    assert turns.take_turn(records, "dag", "second", "n-second", instead_of="first") == "second"
    assert turns.take_turn(records, "dag", "third", "n-third", instead_of="first") == "second"
    turns.give_turn(records, "dag", "first")  # it is not its turn any more
    assert turns.take_turn(records, "dag", "third", "n-third") == "second"
    turns.give_turn(records, "dag", "second")
    assert turns.take_turn(records, "dag", "third", "n-third") == "third"


def test_a_night_has_the_day_that_it_was_last_planned_for(records: Records) -> None:
    assert turns.day_of(records, "n") is None
    assert turns.day_of(records, None) is None
    turns.put_day(records, "n", "2026-11-01", "abc")
    turns.put_day(records, "n", "2026-11-02", "abd")
    assert turns.day_of(records, "n") == ("2026-11-02", "abd")
