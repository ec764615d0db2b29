"""The records on a real PostgreSQL that the test starts, where the machine has one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from postgres import postgres
from sqlalchemy import text

from pipelines.errors import RecordsError
from pipelines.records import registry, scoreboard
from pipelines.records.feedback import Feedback, add, conflicts, labelled
from pipelines.records.predictions import Logged, append, count, forget, mark, thin, window
from pipelines.records.registry import Version
from pipelines.records.schema import SCHEMA_VERSION, metadata
from pipelines.records.scoreboard import Lane
from pipelines.records.store import open_records

pytestmark = [pytest.mark.slow, pytest.mark.service]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


def test_registry_and_scoreboard_work_as_on_sqlite(server: str) -> None:
    records = open_records(server)
    for version in ("a", "b"):
        registry.add_version(records, Version("p", version, "n", {"data": "d"}, {"auc": {"value": 0.7}}))
    registry.move_champion(records, "p", "a", kind="promote", who="w", why="y", expected=None)
    registry.move_champion(records, "p", "b", kind="promote", who="w", why="y", expected="a", numbers={"x": [1, None]})
    assert registry.all_champions(open_records(server)) == {"p": "b"}
    assert registry.history(records, "p")[0].numbers == {"x": [1, None]}
    with pytest.raises(RecordsError, match="champion has changed"):
        registry.move_champion(records, "p", "a", kind="rollback", who="w", why="y", expected="a")
    scoreboard.start_night(records, "n1")
    lane = scoreboard.put_lane(records, Lane("n1", "p", "passed", "", {"name": "auc"}, {"rows": 3}, {"train": 1.5}))
    scoreboard.put_lane(records, lane)
    assert scoreboard.last_lane(records, "p") == lane
    scoreboard.end_night(records, "n1", "passed")
    records.close()


def test_processes_that_move_the_same_pointer_at_once_lose_nothing(server: str) -> None:
    records = open_records(server)
    for place in range(40):
        registry.add_version(records, Version("race", str(place), "n"))
    moved: list[str] = []
    failures: list[BaseException] = []

    def work(places: range) -> None:
        mine = open_records(server)
        for place in places:
            try:
                registry.move_champion(
                    mine, "race", str(place), kind="promote", who="w", why="y",
                    expected=registry.champion(mine, "race"),
                )  # fmt: skip
                moved.append(str(place))
            except RecordsError as error:
                if "champion has changed" not in error.what and "does not fit" not in error.what:
                    failures.append(error)
        mine.close()

    threads = [threading.Thread(target=work, args=(range(start, 40, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    past = registry.history(records, "race")
    assert sorted(step.to_version for step in past) == sorted(moved)
    assert registry.champion(records, "race") == past[0].to_version
    for later, earlier in pairwise(past):
        assert later.from_version == earlier.to_version
    records.close()


def test_tables_made_by_many_at_once_are_made_once(server: str) -> None:
    first = open_records(server)
    with first.changing() as connection:
        names = ", ".join(table.name for table in metadata.sorted_tables)
        connection.execute(text(f"DROP TABLE {names}"))
    first.close()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            registry.all_champions(open_records(server))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_records_of_version_1_are_upgraded_by_many_at_once(server: str) -> None:
    first = open_records(server)
    registry.add_version(first, Version("kept", "v", "n"))
    with first.changing() as connection:
        connection.execute(text("DROP TABLE predictions, feedback, api_keys"))
        connection.execute(text("UPDATE schema_version SET version = 1"))
    first.close()
    found: list[object] = []

    def work() -> None:
        records = open_records(server)
        try:
            found.append([one.version for one in registry.list_versions(records, "kept")])
        except BaseException as error:
            found.append(error)
        records.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["v"]] * 4
    with open_records(server).reading() as connection:
        assert connection.execute(text("SELECT version FROM schema_version")).scalar() == SCHEMA_VERSION


def test_the_prediction_log_and_its_feedback(server: str) -> None:
    log = open_records(server)
    at = "2026-03-01T00:00:00.000Z"
    odd = {"text": "zwölf \0 \ud83d 漢", "none": None}
    entries = [Logged(f"r{number}", 0, "logged", "v", at, odd, {"score": 0.5}, "till") for number in range(50)]
    append(log, entries)
    assert window(log, "logged", at, "2027") == entries
    with pytest.raises(RecordsError):
        append(log, [Logged("new", 0, "logged", "v", at, {}, {}), entries[0]])
    assert count(log, "logged", "", "9999") == 50
    told = [Feedback(f"r{number}", 0, "logged", 1, at) for number in (1, 2, 2, 99)]
    assert [one.status for one in add(log, told)] == ["joined", "joined", "duplicate", "unknown request"]
    assert add(log, [Feedback("r1", 0, "logged", 0, at)])[0].status == "conflict"
    assert [found.request_id for found, _ in labelled(log, "logged", "", "9999")] == ["r2"]
    assert len(conflicts(log, "logged")) == 1
    assert thin(log, "logged", "2027", 0.0) == 48
    assert forget(log, "logged", "2027") == 2
    assert labelled(log, "logged", "", "9999") == conflicts(log, "logged") == []
    log.close()


def test_an_outcome_that_many_tell_at_once_is_kept_once(server: str) -> None:
    log = open_records(server)
    append(log, [Logged("same", 0, "raced", "v", "2026-03-01T00:00:00.000Z", {}, {})])
    found: list[object] = []

    def work() -> None:
        try:
            found.append(add(log, [Feedback("same", 0, "raced", 1, "2026-03-02T00:00:00.000Z")])[0].status)
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) <= {"joined", "duplicate"}
    assert [outcome for _, outcome in labelled(log, "raced", "", "9999")] == [1]
    log.close()


def test_a_server_that_is_gone_is_a_transient_error_without_the_password() -> None:
    pytest.importorskip("psycopg")
    records = open_records("postgresql+psycopg://user:s3cret@127.0.0.1:1/none")
    with pytest.raises(RecordsError, match="cannot be reached") as caught:
        registry.all_champions(records)
    assert caught.value.transient
    assert "s3cret" not in caught.value.line()


def test_a_mark_waits_for_writers_that_have_a_smaller_number_and_are_not_done(server: str) -> None:
    log, slow = open_records(server), open_records(server)
    append(log, [Logged("first", 0, "marks", "v", "2026-01-01T00:00:00.000Z", {}, {})])
    insertion = text(
        "INSERT INTO predictions (request_id, place, product, version, at, features, answer, draw) "
        "VALUES ('slow', 0, 'marks', 'v', '2026-01-01T00:00:01.000Z', '{}', '{}', 1)"
    )
    found: list[int] = []
    with slow.changing() as connection:
        connection.execute(insertion)
        asking = threading.Thread(target=lambda: found.append(mark(log)))
        asking.start()
        asking.join(timeout=0.5)
        assert not found
    asking.join(timeout=10)
    assert [row.request_id for row in window(log, "marks", "2026", "2027", upto=found[0])] == ["first", "slow"]
    append(log, [Logged("later", 0, "marks", "v", "2026-01-01T00:00:00.500Z", {}, {})])
    assert [row.request_id for row in window(log, "marks", "2026", "2027", beyond=found[0])] == ["later"]
    log.close()
    slow.close()
