"""Windows and alarms: k of n, one open alarm per cause, closing, cooldown, retraining, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.records import alarms
from pipelines.records.alarms import Noted, Rules, Window, note_window
from pipelines.records.store import Records, open_records

START = datetime(2026, 11, 24, tzinfo=UTC)
RULES = Rules(alarm_windows=2, alarm_of=3, steady_windows=2, cooldown_hours=6, retrain_windows=3)
DRIFT = {"data_drift": {"effect": 0.5, "limit": 0.3}}


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(f"sqlite:///{tmp_path / 'records.db'}")
    yield opened
    opened.close()


def window(hour: int, causes: Any = None, status: str = "steady", version: str = "v1") -> Window:
    since, until = START + timedelta(hours=hour - 1), START + timedelta(hours=hour)
    found = {cause: dict(DRIFT["data_drift"]) for cause in causes} if isinstance(causes, list) else dict(causes or {})
    return Window("p", version, since.isoformat(), until.isoformat(), 500, status, found)


def play(records: Records, windows: Sequence[Window], rules: Rules = RULES) -> list[Noted]:
    return [note_window(records, one, rules) for one in windows]


def test_one_window_is_an_outlier_and_two_of_three_are_an_alarm(records: Records) -> None:
    found = play(records, [window(1, DRIFT), window(2), window(3, DRIFT), window(4, DRIFT)])
    assert [[alarm.cause for alarm in one.mailed] for one in found] == [[], [], ["data_drift"], []]
    (alarm,) = found[-1].open
    assert alarm.first_seen == window(1).since
    assert alarm.windows == 3


def test_three_windows_apart_never_alarm(records: Records) -> None:
    found = play(records, [window(hour, DRIFT if hour % 3 == 0 else None) for hour in range(1, 12)])
    assert not any(one.open for one in found)


def test_the_same_window_again_changes_nothing_and_says_the_same(records: Records) -> None:
    first = play(records, [window(1, DRIFT), window(2, DRIFT)])
    before = alarms.all_alarms(records, "p")
    again = note_window(records, window(2, ["volume", "data_drift"]), RULES)
    assert again.known
    assert again.mailed == first[-1].mailed
    assert alarms.all_alarms(records, "p") == before
    assert len(alarms.windows(records, "p")) == 2


def test_an_alarm_closes_after_steady_windows_and_an_unjudged_one_says_nothing(records: Records) -> None:
    found = play(
        records,
        [window(1, DRIFT), window(2, DRIFT), window(3), window(4, status="unjudged"), window(5)],
    )
    assert [len(one.open) for one in found] == [0, 1, 1, 1, 0]
    assert found[-1].closed[0].closed_why == "2 windows in a row without it"


def test_a_cause_that_comes_back_in_the_cooldown_is_an_alarm_without_a_mail(records: Records) -> None:
    quiet = [window(hour) for hour in (3, 4)]
    found = play(records, [window(1, DRIFT), window(2, DRIFT), *quiet, window(5, DRIFT), window(6, DRIFT)])
    assert found[-1].open
    assert not found[-1].mailed
    later = [window(7), window(8), window(9, DRIFT), window(10, DRIFT)]
    assert play(records, later)[-1].mailed[0].cause == "data_drift"


def test_a_new_champion_closes_the_alarms_and_begins_anew(records: Records) -> None:
    play(records, [window(1, DRIFT), window(2, DRIFT)])
    found = play(records, [window(3, DRIFT, version="v2"), window(4, DRIFT, version="v2")])
    assert found[0].closed[0].closed_why == "version v2 answers now"
    assert not found[0].open
    assert [alarm.version for alarm in found[1].mailed] == ["v2"]


def test_drift_asks_for_training_once_it_has_lasted_and_a_loss_at_once(records: Records) -> None:
    found = play(records, [window(hour, DRIFT) for hour in (1, 2, 3, 4)])
    assert [one.retrain is not None for one in found] == [False, False, True, False]
    other = [Window("q", "v", w.since, w.until, 9, "alarm", {"estimated_loss": {}}) for w in (window(1), window(2))]
    assert play(records, other)[-1].retrain is not None


def test_training_is_asked_for_once_per_cooldown(records: Records) -> None:
    rules = Rules(2, 3, 2, 6, True, 3, retrain_cooldown_hours=10)
    found = play(records, [window(hour, DRIFT) for hour in range(1, 15)], rules)
    assert [hour for hour, one in enumerate(found, start=1) if one.retrain] == [3, 13]


@pytest.mark.parametrize("cause", ["broken:AGE", "volume"])
def test_a_broken_feed_is_not_mended_by_training(records: Records, cause: str) -> None:
    found = play(records, [window(hour, ["data_drift", cause]) for hour in range(1, 6)])
    assert {alarm.cause for alarm in found[-1].open} == {"data_drift", cause}
    assert not any(one.retrain for one in found)


def test_one_run_passes_a_request_on_and_may_do_so_again(records: Records) -> None:
    play(records, [window(hour, DRIFT) for hour in (1, 2, 3)])
    first = alarms.tell_retrain(records, "p", "run-1")
    assert first is not None
    assert first.why["causes"] == ["data_drift"]
    assert alarms.tell_retrain(records, "p", "run-1") == first
    assert alarms.tell_retrain(records, "p", "run-2") is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["data_drift", "volume", "broken:A"]), unique=True),
            st.sampled_from(["steady", "alarm", "unjudged"]),
            st.sampled_from(["v1", "v1", "v1", "v2"]),
        ),
        max_size=14,
    )
)
def test_whatever_comes_a_cause_has_one_open_alarm_and_each_mail_one_window(steps: list[Any]) -> None:
    store = open_records("sqlite://")
    for hour, (causes, status, version) in enumerate(steps, start=1):
        noted = note_window(store, window(hour, causes, status, version), RULES)
        open_now = [alarm.cause for alarm in noted.open]
        assert len(open_now) == len(set(open_now))
        assert all(alarm.version == version for alarm in noted.open)
        assert {alarm.cause for alarm in noted.mailed} <= set(causes)
    for alarm in alarms.all_alarms(store, "p"):
        assert (alarm.closed_at is None) == (alarm in alarms.open_alarms(store, "p"))
    store.close()
