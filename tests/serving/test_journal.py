from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import RecordsError
from pipelines.records.predictions import Logged, as_values, count, window
from pipelines.records.store import open_records
from pipelines.serving.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records" / "predictions.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(open_records(f"sqlite:///{path}", busy_seconds=0.2, synchronous="NORMAL"))
    opened.start()
    yield opened
    opened.stop()


def values(number: int, rows: int = 1) -> list[dict[str, Any]]:
    at = "2026-03-01T00:00:00.000Z"
    return [as_values(Logged(f"r{number}", row, "p", "v", at, {"a": 1}, {"score": 0.5})) for row in range(rows)]


def test_what_is_kept_is_in_the_database_when_keep_returns(journal: Journal, path: Path) -> None:
    async def keep_one(number: int) -> int:
        await journal.keep(values(number, 3))
        with sqlite3.connect(path) as other:
            return other.execute("SELECT count(*) FROM predictions WHERE request_id = ?", (f"r{number}",)).fetchone()[0]

    async def keep_all() -> list[int]:
        return await asyncio.gather(*(keep_one(number) for number in range(40)))

    assert asyncio.run(keep_all()) == [3] * 40


def test_those_who_wait_together_share_one_transaction(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []

    def slow_write(log: Any, rows: Any) -> None:
        groups.append(len(rows))
        time.sleep(0.02)

    monkeypatch.setattr("pipelines.serving.journal.write", slow_write)

    async def keep_all() -> None:
        await asyncio.gather(*(journal.keep(values(number)) for number in range(100)))

    began = time.monotonic()
    asyncio.run(keep_all())
    assert sum(groups) == 100
    assert len(groups) < 30
    assert time.monotonic() - began < 1.5


def test_a_log_that_cannot_be_written_fails_those_who_wait_and_mends_by_itself(journal: Journal, path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordsError, match="locked"):
        asyncio.run(journal.keep(values(1)))
    assert "locked" in str(journal.trouble)
    journal.mend()
    assert "locked" in str(journal.trouble)
    holder.execute("ROLLBACK")
    holder.close()
    journal.mend()
    assert journal.trouble is None
    asyncio.run(journal.keep(values(2)))
    assert [one.request_id for one in window(journal.log, "p", "", "9999")] == ["r2"]


def test_an_unforeseen_failure_does_not_end_the_writer(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.serving.journal.write", fails)
        with pytest.raises(RecordsError, match="ZeroDivisionError"):
            asyncio.run(journal.keep(values(1)))
    asyncio.run(journal.keep(values(2)))
    assert count(journal.log, "p", "", "9999") == 1


def test_a_request_that_was_given_up_harms_no_other(journal: Journal) -> None:
    async def scene() -> None:
        given_up = asyncio.create_task(journal.keep(values(1)))
        await asyncio.sleep(0)
        given_up.cancel()
        await journal.keep(values(2))

    asyncio.run(scene())
    assert "r2" in [one.request_id for one in window(journal.log, "p", "", "9999")]


def test_stopping_writes_what_waits(path: Path) -> None:
    journal = Journal(open_records(f"sqlite:///{path}"))

    async def scene() -> None:
        waiting = [asyncio.create_task(journal.keep(values(number))) for number in range(20)]
        await asyncio.sleep(0)
        journal.start()
        await asyncio.to_thread(journal.stop)
        await asyncio.gather(*waiting)

    asyncio.run(scene())
    log = open_records(f"sqlite:///{path}")
    assert count(log, "p", "", "9999") == 20
    log.close()


def test_a_log_that_cannot_be_opened_is_noted_not_raised(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file where the folder should be")
    journal = Journal(open_records(f"sqlite:///{tmp_path / 'records' / 'p.db'}"))
    journal.start()
    assert "folder cannot be used" in str(journal.trouble)
    journal.stop()
