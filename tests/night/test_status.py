"""`nightshift status`: what is open shows, what is closed or answered does not."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.layout import Layout
from pipelines.night.status import status_text
from pipelines.records import alarms, review
from pipelines.records.alarms import Rules, Window
from pipelines.records.store import open_records

DEMO = "credit_risk_demo"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAUSE = {"data_drift": {"effect": 0.52, "limit": 0.3}}


def window(hour: int, shows: bool) -> Window:
    ends = [f"2026-03-01T{at:02d}:00:00.000Z" for at in (hour - 1, hour)]
    return Window(DEMO, "v1", *ends, 300, "alarm" if shows else "steady", CAUSE if shows else {})


def test_open_alarms_show_with_their_size_and_age_and_closed_ones_do_not(project: Layout) -> None:
    records = open_records(project.records_url)
    for hour in (8, 9, 10):
        alarms.note_window(records, window(hour, True), Rules())
    text = status_text(project, NOW)
    assert f"Open alarms:\n  {DEMO}: data_drift, since 5 h ago, 3 windows, effect 0.52 (limit 0.3)" in text
    for hour in (11, 12):
        alarms.note_window(records, window(hour, False), Rules())
    assert "alarm" not in status_text(project, NOW)
    for hour in (13, 14):
        alarms.note_window(records, window(hour, True), Rules())
    assert "not mailed: told within the cooldown" in status_text(project, NOW)
    records.close()


def test_rows_that_wait_for_review_are_counted_per_product(project: Layout) -> None:
    records = open_records(project.records_url)
    assert "review" not in status_text(project, NOW)
    asks = [review.Ask(DEMO, "uncertain", "row", str(number), {"a": number}) for number in range(3)]
    review.add_items(records, asks)
    assert f"Waiting for review:\n  {DEMO}: 3 rows" in status_text(project, NOW)
    records.close()
