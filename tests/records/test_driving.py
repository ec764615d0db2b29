"""Short transactions on a kept SQLite connection: all or nothing, errors as everywhere, none left behind by threads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import RecordsError
from pipelines.records.predictions import Logged, append, count
from pipelines.records.store import Records, open_records


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(f"sqlite:///{tmp_path / 'p.db'}", busy_seconds=0.2, synchronous="NORMAL")
    yield opened
    opened.close()


def entry(number: int) -> Logged:
    return Logged(f"r{number}", 0, "p", "v", "2026-03-01T00:00:00.000Z", {"a": number}, {"score": 0.5})


def rows(log: Records) -> int:
    return count(log, "p", "2026", "2027")


def test_what_fails_inside_is_rolled_back_and_the_next_goes_through(log: Records) -> None:
    append(log, [entry(1)])
    with pytest.raises(ZeroDivisionError), log.driving() as driver:
        driver.execute("DELETE FROM predictions")
        raise ZeroDivisionError
    assert rows(log) == 1
    with pytest.raises(RecordsError, match="does not fit"):
        append(log, [entry(2), entry(1)])
    assert rows(log) == 1
    append(log, [entry(2)])
    assert rows(log) == 2


def test_a_locked_file_is_a_transient_error_in_time_and_mends(log: Records, tmp_path: Path) -> None:
    append(log, [entry(1)])
    holder = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordsError, match="locked") as raised:
        append(log, [entry(2)])
    assert raised.value.transient
    holder.execute("ROLLBACK")
    holder.close()
    append(log, [entry(2)])
    assert rows(log) == 2


def test_it_is_set_up_as_every_other_connection(log: Records) -> None:
    with log.driving() as driver:
        found = [driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        assert driver.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert found == ["wal", 1]


def test_many_threads_that_come_and_go_leave_no_connection_behind(log: Records) -> None:
    numbers = iter(range(200))
    lock = threading.Lock()

    def work() -> None:
        for _ in range(2):
            with lock:
                number = next(numbers)
            append(log, [entry(number)])

    for _ in range(4):
        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert rows(log) == 160
    append(log, [entry(1000)])
    assert len(log._kept) == 1
