from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from pipelines.errors import RecordsError
from pipelines.records import registry
from pipelines.records.schema import ADDED, SCHEMA_VERSION, api_keys, feedback, predictions
from pipelines.records.store import Records, open_records


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'records.db'}"


def test_new_records_are_made_with_their_folder_in_wal_mode_with_foreign_keys(url: str) -> None:
    records = open_records(url)
    with records.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("SELECT version FROM schema_version")).scalar() == SCHEMA_VERSION


def test_a_failed_change_leaves_nothing(url: str) -> None:
    records = open_records(url)
    with pytest.raises(ZeroDivisionError), records.changing() as connection:
        connection.execute(text("INSERT INTO nights VALUES ('n', 't', NULL, 'running')"))
        _ = 1 / 0
    with records.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM nights")).scalar() == 0


@pytest.mark.parametrize("found", [0, SCHEMA_VERSION + 1])
def test_records_of_another_version_are_refused_and_say_what_to_do(url: str, found: int) -> None:
    first = open_records(url)
    with first.changing() as connection:
        connection.execute(text(f"UPDATE schema_version SET version = {found}"))
    first.close()
    with pytest.raises(RecordsError, match=f"version {found}, this code reads version {SCHEMA_VERSION}") as caught:
        registry.all_champions(open_records(url))
    assert not caught.value.transient


def test_a_held_lock_is_a_transient_error_that_names_the_file(url: str, tmp_path: Path) -> None:
    records = open_records(url, busy_seconds=0.2)
    registry.all_champions(records)
    holder = sqlite3.connect(tmp_path / "state" / "records.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(RecordsError, match="locked") as caught:
            registry.add_version(records, registry.Version("p", "v", "n"))
        assert caught.value.transient
        assert "records.db" in caught.value.line()
        assert registry.all_champions(records) == {}, "readers never wait for a writer"
    finally:
        holder.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"this is a text file, not a database" * 100)
    with pytest.raises(RecordsError, match="not a records database"):
        registry.all_champions(open_records(f"sqlite:///{path}"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(RecordsError, match="folder cannot be used"):
        registry.all_champions(open_records(f"sqlite:///{tmp_path / 'state' / 'records.db'}"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("not an address", "not a database URL"),
        ("mysql://host/name", "cannot be kept in mysql"),
        ("postgresql+nodriver://host/name", "no driver"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_at_once(address: str, words: str) -> None:
    with pytest.raises(RecordsError, match=words):
        open_records(address)


def test_many_threads_that_open_and_write_at_once_lose_nothing(url: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            records: Records = open_records(url)
            for place in range(5):
                registry.add_version(records, registry.Version("p", f"{number}-{place}", "n"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(registry.list_versions(open_records(url), "p")) == 30


def as_version_1(url: str) -> None:
    """Records as the first version of this code made them, with one version and its promotion in them."""
    records = open_records(url)
    registry.add_version(records, registry.Version("p", "v", "n"))
    registry.move_champion(records, "p", "v", kind="promote", who="w", why="y", expected=None)
    with records.changing() as connection:
        for table in (predictions, feedback, api_keys):
            table.drop(connection)
        connection.execute(text("UPDATE schema_version SET version = 1"))
    records.close()


def test_records_of_version_1_are_upgraded_in_place_and_keep_what_they_held(url: str) -> None:
    as_version_1(url)
    records = open_records(url)
    assert registry.all_champions(records) == {"p": "v"}
    with records.reading() as connection:
        assert connection.execute(text("SELECT version FROM schema_version")).scalar() == SCHEMA_VERSION
        for table in (predictions, feedback, api_keys):
            assert connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar() == 0
        made = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'index'")).scalars().all()
    assert {"predictions_by_time", "feedback_by_time"} <= set(made)


def test_an_upgrade_that_fails_leaves_version_1_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    as_version_1(url)

    def create_all(connection: object, tables: object) -> None:
        predictions.create(connection)  # type: ignore[arg-type]
        raise OSError("disk full")

    monkeypatch.setattr("pipelines.records.store.metadata.create_all", create_all)
    with pytest.raises(RecordsError, match="disk full"):
        registry.all_champions(open_records(url))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        assert raw.execute("SELECT version FROM schema_version").fetchone() == (1,)
        assert raw.execute("SELECT name FROM sqlite_master WHERE name = 'predictions'").fetchone() is None


def test_many_that_upgrade_at_once_all_succeed(url: str) -> None:
    as_version_1(url)
    found: list[object] = []

    def work() -> None:
        try:
            found.append(registry.all_champions(open_records(url)))
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"p": "v"}] * 6


def test_every_version_after_the_first_says_what_it_added() -> None:
    assert sorted(ADDED) == list(range(2, SCHEMA_VERSION + 1))
