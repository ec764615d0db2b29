from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records.feedback import Feedback, add, conflicts, labelled, matured, told_count
from pipelines.records.predictions import Logged, append
from pipelines.records.store import Records, open_records

AT = "2026-06-{day:02d}T12:00:00.000Z"


@pytest.fixture
def log(tmp_path: Path) -> Records:
    records = open_records(f"sqlite:///{tmp_path / 'log.db'}", synchronous="NORMAL")
    append(records, [logged(number) for number in range(30)])
    return records


def logged(number: int) -> Logged:
    return Logged(f"r{number}", 0, "p", "v", AT.format(day=number % 28 + 1), {"a": number}, {"score": 0.1})


def told(number: int, outcome: Any, day: int = 20, client: str | None = None, product: str = "p") -> Feedback:
    return Feedback(f"r{number}", 0, product, outcome, AT.format(day=day), client)


def statuses(log: Records, *items: Feedback) -> list[str]:
    return [result.status for result in add(log, items)]


def test_an_outcome_is_joined_once_and_said_again_is_a_duplicate(log: Records) -> None:
    assert statuses(log, told(1, 1), told(1, 1)) == ["joined", "duplicate"]
    assert statuses(log, told(1, 1, client="other")) == ["duplicate"]
    assert [(found.request_id, outcome) for found, outcome in labelled(log, "p", "", "9999")] == [("r1", 1)]


def test_another_outcome_is_a_conflict_both_are_kept_and_neither_is_used(log: Records) -> None:
    assert statuses(log, told(1, 1, client="a"), told(2, 0), told(1, 0, client="b")) == ["joined", "joined", "conflict"]
    assert statuses(log, told(1, 0)) == ["duplicate"]
    assert [found.request_id for found, _ in labelled(log, "p", "", "9999")] == ["r2"]
    assert [found.request_id for found, _ in matured(log, "p", "9999", 10)] == ["r2"]
    (conflict,) = conflicts(log, "p")
    assert conflict.prediction == logged(1)
    assert [(item.outcome, item.client) for item in conflict.outcomes] == [(1, "a"), (0, "b")]
    assert told_count(log, "p", "", "9999") == 3


def test_what_this_product_never_answered_is_unknown_and_not_kept(log: Records) -> None:
    other_row = Feedback("r1", 7, "p", 1, AT.format(day=20))
    assert statuses(log, told(99, 1), told(1, 1, product="q"), other_row) == ["unknown request"] * 3
    assert told_count(log, "p", "", "9999") == told_count(log, "q", "", "9999") == 0


def test_labelled_goes_by_the_time_of_the_answer_matured_by_the_time_of_the_telling(log: Records) -> None:
    add(log, [told(1, 1, day=20), told(5, 0, day=25)])
    assert [found.request_id for found, _ in labelled(log, "p", AT.format(day=3), AT.format(day=9))] == ["r5"]
    assert [found.request_id for found, _ in matured(log, "p", AT.format(day=25), 10)] == ["r1"]


def test_one_client_adds_no_more_than_its_share_in_a_night_and_others_are_not_held_back(log: Records) -> None:
    add(log, [told(number, 1, client="loud") for number in range(10)])
    add(log, [told(number, 0, client="calm") for number in range(10, 12)])
    add(log, [told(number, 1, day=21, client="loud") for number in range(12, 20)])
    found = [(one.request_id, outcome) for one, outcome in matured(log, "p", "9999", 3)]
    assert found == [
        ("r0", 1), ("r1", 1), ("r2", 1), ("r10", 0), ("r11", 0), ("r12", 1), ("r13", 1), ("r14", 1),
    ]  # fmt: skip


def test_what_matured_once_stays_in_every_later_night(log: Records) -> None:
    add(log, [told(number, 1, client="c") for number in range(5)])
    before = matured(log, "p", AT.format(day=21), 3)
    add(log, [told(number, 1, day=22, client="c") for number in range(5, 12)])
    assert matured(log, "p", "9999", 3)[: len(before)] == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=15, deadline=None)
@given(outcomes=st.lists(json_values, min_size=1, max_size=4))
def test_an_outcome_comes_back_as_it_was_told(outcomes: list[Any]) -> None:
    records = open_records("sqlite://")
    append(records, [logged(number) for number in range(len(outcomes))])
    assert statuses(records, *(told(number, outcome) for number, outcome in enumerate(outcomes))) == ["joined"] * len(
        outcomes
    )
    found = {one.request_id: outcome for one, outcome in labelled(records, "p", "", "9999")}
    assert [found[f"r{number}"] for number in range(len(outcomes))] == outcomes
    records.close()
