from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import RecordsError
from pipelines.records import scoreboard
from pipelines.records.scoreboard import Lane
from pipelines.records.store import Records, open_records


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return open_records(f"sqlite:///{tmp_path / 'records.db'}")


def test_a_night_goes_from_running_to_its_end(records: Records) -> None:
    scoreboard.start_night(records, "2026-11-07")
    night = scoreboard.find_night(records, "2026-11-07")
    assert night is not None
    assert (night.status, night.ended_at) == ("running", None)
    scoreboard.end_night(records, "2026-11-07", "passed")
    night = scoreboard.find_night(records, "2026-11-07")
    assert night is not None
    assert night.status == "passed"
    assert night.ended_at is not None
    assert night.ended_at >= night.started_at


def test_a_retried_night_keeps_its_start_and_lanes(records: Records) -> None:
    first = scoreboard.start_night(records, "n")
    scoreboard.put_lane(records, Lane("n", "p", "failed", "out of disk"))
    scoreboard.end_night(records, "n", "failed")
    again = scoreboard.start_night(records, "n")
    assert again.started_at == first.started_at
    assert [lane.product for lane in scoreboard.night_lanes(records, "n")] == ["p"]


def test_a_lane_comes_back_as_it_was_recorded_and_the_last_word_counts(records: Records) -> None:
    scoreboard.start_night(records, "n")
    scoreboard.put_lane(records, Lane("n", "p", "failed", "disk full -> free some"))
    metric = {"name": "roc_auc", "value": 0.78, "low": 0.77, "high": 0.79}
    lane = Lane("n", "p", "passed", "", metric, {"rows": 30000}, {"train": 12.5}, "ab" * 32)
    stored = scoreboard.put_lane(records, lane)
    assert scoreboard.night_lanes(records, "n") == [stored]
    assert stored.metric == metric
    assert stored.ended_at.endswith("Z")


def test_last_lane_is_the_newest_of_the_product_and_of_the_status(records: Records) -> None:
    for night, status in (("n1", "passed"), ("n2", "blocked"), ("n3", "unchanged")):
        scoreboard.start_night(records, night)
        ended = f"2026-11-0{night[1]}T02:00:00.000Z"
        scoreboard.put_lane(records, Lane(night, "p", status, ended_at=ended))  # type: ignore[arg-type]
    last = scoreboard.last_lane(records, "p")
    assert last is not None
    assert last.night == "n3"
    passed = scoreboard.last_lane(records, "p", "passed")
    assert passed is not None
    assert passed.night == "n1"
    assert scoreboard.last_lane(records, "q") is None


def test_lanes_and_ends_need_a_night(records: Records) -> None:
    with pytest.raises(RecordsError, match="never started"):
        scoreboard.put_lane(records, Lane("n", "p", "passed"))
    with pytest.raises(RecordsError, match="never started"):
        scoreboard.end_night(records, "n", "passed")


def test_latest_nights_come_newest_first(records: Records) -> None:
    for night in ("a", "b", "c"):
        scoreboard.start_night(records, night)
    assert [night.night for night in scoreboard.latest_nights(records, 2)] == ["c", "b"]
