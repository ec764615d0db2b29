"""Rows that were answered in a window's time and written after it was judged: the next window judges them, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from production_house import PRODUCT, VERSION, House, make_house

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.monitoring import hourly
from pipelines.monitoring.rounds import mark_of
from pipelines.monitoring.smtp import VARIABLE
from pipelines.monitoring.windows import iso, take
from pipelines.records import alarms, predictions
from pipelines.records.predictions import Logged
from pipelines.records.store import open_records

HOURS = [f"2026-03-01T{hour:02d}:00:00.000Z" for hour in range(9)]


@pytest.fixture
def house(layout: Layout, params: Params, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in (VARIABLE, "NIGHTSHIFT_RECORDS_URL", "NIGHTSHIFT_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    made = make_house(layout, params)
    yield made
    made.close()


def write_late(house: House, rows: int, minutes: float) -> None:
    """Copies of logged rows, answered so long before the end of the last window, written now."""
    known = predictions.window(house.log, PRODUCT, "2000", "2999")[:rows]
    moment = iso(house.at - timedelta(minutes=minutes))
    predictions.append(
        house.log, [replace(one, request_id=f"late-{moment}-{place}", at=moment) for place, one in enumerate(known)]
    )


def test_rows_written_after_their_window_was_judged_come_into_the_next_one(house: House) -> None:
    house.send(rows=300)
    first = hourly.watch_log(house.layout, house.params, PRODUCT, house.at)
    write_late(house, rows=40, minutes=5)
    again = hourly.watch_log(house.layout, house.params, PRODUCT, house.at)
    assert first.noted is not None
    assert again.noted is not None
    assert again.noted.window == first.noted.window
    house.send(rows=250)
    second = hourly.watch_log(house.layout, house.params, PRODUCT, house.at).noted
    house.send(rows=260)
    third = hourly.watch_log(house.layout, house.params, PRODUCT, house.at).noted
    assert second is not None
    assert third is not None
    assert (second.window.rows, second.window.numbers["late"], second.window.numbers["answered"]) == (290, 40, 250)
    assert (third.window.rows, third.window.numbers["late"]) == (260, 0)


def test_a_window_that_is_judged_again_for_its_mail_holds_the_same_rows(house: House) -> None:
    for _ in range(3):
        house.send(rows=220)
        write_late(house, rows=10, minutes=70)
        hourly.watch_log(house.layout, house.params, PRODUCT, house.at)
    write_late(house, rows=30, minutes=1)
    newest, *earlier = alarms.windows(house.records, PRODUCT)
    again = take(house.log, PRODUCT, VERSION, newest.since, newest.until, mark=mark_of([newest]), seen=mark_of(earlier))
    assert len(again.rows) == newest.rows == 230
    assert again.late == newest.numbers["late"] == 10


def test_windows_noted_before_marks_were_kept_have_no_late_rows(house: House) -> None:
    house.send(rows=300)
    end = iso(house.at)
    since = iso(house.at - timedelta(hours=1))
    alarms.note_window(house.records, alarms.Window(PRODUCT, VERSION, since, end, 300, "steady"), alarms.Rules())
    write_late(house, rows=20, minutes=5)
    house.send(rows=240)
    found = hourly.watch_log(house.layout, house.params, PRODUCT, house.at).noted
    assert found is not None
    assert (found.window.rows, found.window.numbers["late"]) == (240, 0)


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_every_row_is_taken_by_exactly_one_window_however_late_it_is_written(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each row is answered in some hour and written in the same hour or a later one."""
    rows = data.draw(
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 59)), max_size=30), label="rows"
    )
    log = open_records(f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.db'}", synchronous="NORMAL")
    seen: int | None = None
    taken: list[str] = []
    try:
        for hour in range(8):
            entries = [
                Logged(f"{place:032x}", 0, PRODUCT, VERSION, HOURS[answered][:14] + f"{minute:02d}:00.000Z", {}, {})
                for place, (answered, later, minute) in enumerate(rows)
                if min(answered + later, 7) == hour
            ]
            predictions.append(log, entries)
            mark = predictions.mark(log)
            found = take(log, PRODUCT, VERSION, HOURS[hour], HOURS[hour + 1], mark=mark, seen=seen)
            taken += [row.request_id for row in found.rows]
            seen = mark
    finally:
        log.close()
    assert sorted(taken) == sorted(f"{place:032x}" for place in range(len(rows)))
