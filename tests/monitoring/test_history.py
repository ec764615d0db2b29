"""How long an alarm has lasted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import pytest
from windows import DAY, PRODUCT

from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.monitoring import history
from pipelines.monitoring.history import Lasting, note_window
from pipelines.monitoring.verdict import DriftVerdict, Limits


def verdict(status: Literal["alarm", "steady"], version: str = "v1") -> DriftVerdict:
    return DriftVerdict(
        product=PRODUCT, version=version, status=status, window_rows=500, reference_rows=1, limits=Limits(), columns=()
    )


def on(number: int) -> date:
    return DAY + timedelta(days=number)


def test_an_alarm_lasts_as_long_as_no_window_between_was_quiet(layout: Layout) -> None:
    assert note_window(layout, verdict("alarm"), on(0)) == Lasting(on(0), 1)
    assert note_window(layout, verdict("alarm"), on(1)) == Lasting(on(0), 2)
    assert note_window(layout, verdict("steady"), on(2)) is None
    assert note_window(layout, verdict("alarm"), on(3)) == Lasting(on(3), 1)


def test_the_same_day_again_replaces_its_window(layout: Layout) -> None:
    note_window(layout, verdict("alarm"), on(0))
    for _ in range(3):
        assert note_window(layout, verdict("alarm"), on(1)) == Lasting(on(0), 2)
    assert note_window(layout, verdict("steady"), on(1)) is None


def test_a_new_version_begins_anew(layout: Layout) -> None:
    note_window(layout, verdict("alarm", "old"), on(0))
    assert note_window(layout, verdict("alarm", "new"), on(1)) == Lasting(on(1), 1)


def test_a_day_watched_late_counts_only_what_was_before_it(layout: Layout) -> None:
    note_window(layout, verdict("alarm"), on(5))
    assert note_window(layout, verdict("alarm"), on(4)) == Lasting(on(4), 1)
    assert note_window(layout, verdict("alarm"), on(5)) == Lasting(on(4), 2)


def test_only_so_many_windows_are_kept(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_WINDOWS", 3)
    for number in range(5):
        note_window(layout, verdict("alarm"), on(number))
    kept = read_json(layout.state / "watch" / PRODUCT / "windows.json")["windows"]
    assert sorted(kept) == [on(number).isoformat() for number in (2, 3, 4)]
