from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import RecordsError
from pipelines.records.feedback import Feedback, add, labelled
from pipelines.records.predictions import Logged, append, as_values, count, draw, forget, thin, window
from pipelines.records.store import Records, open_records


@pytest.fixture
def log(tmp_path: Path) -> Records:
    return open_records(f"sqlite:///{tmp_path / 'records' / 'predictions.db'}", synchronous="NORMAL")


def entry(number: int, at: str = "2026-03-01T00:00:00.000Z", row: int = 0, **changes: Any) -> Logged:
    values = {
        "product": "p",
        "version": "v1",
        "features": {"a": number, "b": None},
        "answer": {"score": 0.5},
        **changes,
    }
    return Logged(f"{number:032x}", row, values.pop("product"), values.pop("version"), at, **values)


def test_what_is_kept_comes_back_equal_in_order_of_time(log: Records) -> None:
    odd = {"text": "zwölf \0 \ud83d 漢", "big": 2**60, "small": 5e-324, "list": [1, {"x": None}], "yes": True}
    late = entry(1, "2026-03-02T00:00:00.000Z", features=odd, client="till-7")
    early = entry(2, "2026-03-01T00:00:00.000Z")
    append(log, [late, early, entry(2, row=1)])
    assert window(log, "p", "2026", "2027") == [early, entry(2, row=1), late]


def test_a_window_holds_its_begin_and_not_its_end_and_can_be_cut_by_version_and_number(log: Records) -> None:
    times = [f"2026-03-0{day}T00:00:00.000Z" for day in (1, 2, 3)]
    append(log, [entry(place, at, version=f"v{place % 2}") for place, at in enumerate(times)])
    append(log, [entry(9, times[1], product="other")])
    assert [found.at for found in window(log, "p", times[0], times[2])] == times[:2]
    assert count(log, "p", times[0], times[2]) == 2
    assert [found.at for found in window(log, "p", "2026", "2027", version="v1")] == [times[1]]
    assert [found.at for found in window(log, "p", "2026", "2027", limit=1)] == [times[0]]


def test_an_append_is_all_or_nothing(log: Records) -> None:
    append(log, [entry(1)])
    with pytest.raises(RecordsError):
        append(log, [entry(2), entry(1), entry(3)])
    assert count(log, "p", "2026", "2027") == 1


def test_what_is_not_json_is_refused_before_the_database_is_asked() -> None:
    with pytest.raises(ValueError):
        as_values(entry(1, features={"a": float("nan")}))


def test_nothing_appended_changes_nothing(log: Records) -> None:
    append(log, [])
    assert count(log, "p", "", "9999") == 0


def test_what_is_too_old_is_forgotten_with_its_feedback_and_nothing_else(
    log: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.records.predictions.CHUNK", 7)
    old = [entry(number, "2026-01-01T00:00:00.000Z") for number in range(20)]
    new = [entry(100 + number, "2026-02-01T00:00:00.000Z") for number in range(5)]
    append(log, [*old, *new, entry(200, "2026-01-01T00:00:00.000Z", product="other")])
    told = [Feedback(one.request_id, 0, "p", 1, "2026-02-02T00:00:00.000Z") for one in (old[3], new[0])]
    assert {result.status for result in add(log, told)} == {"joined"}
    assert forget(log, "p", "2026-02-01T00:00:00.000Z") == 20
    assert forget(log, "p", "2026-02-01T00:00:00.000Z") == 0
    assert window(log, "p", "", "9999") == new
    assert [found.request_id for found, _ in labelled(log, "p", "", "9999")] == [new[0].request_id]
    assert count(log, "other", "", "9999") == 1
    assert add(log, [told[0]])[0].status == "unknown request"


def test_thinning_keeps_its_share_whole_requests_and_all_that_have_feedback(log: Records) -> None:
    entries = [entry(number, row=row) for number in range(1000) for row in (0, 1)]
    append(log, entries)
    doomed = next(one for one in entries if draw(one.request_id) >= 2000)
    add(log, [Feedback(doomed.request_id, 0, "p", 1, "2026-04-01T00:00:00.000Z")])
    gone = thin(log, "p", "2026-05-01T00:00:00.000Z", 0.2)
    left = window(log, "p", "", "9999")
    assert gone == 2000 - len(left)
    assert 0.15 < len(left) / 2000 < 0.25
    assert {one.row for one in left if one.request_id == doomed.request_id} == {0, 1}
    pairs = [one.request_id for one in left]
    assert all(pairs.count(request) == 2 for request in set(pairs))
    assert thin(log, "p", "2026-05-01T00:00:00.000Z", 0.2) == 0
    assert thin(log, "p", "2026-05-01T00:00:00.000Z", 1.0) == 0
