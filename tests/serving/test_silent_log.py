"""A PostgreSQL log that takes connections and never answers: a clear refusal in time, not the framework's time-out."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import bundle_of, write_params
from postgres import postgres

from pipelines.blocks.operations import Service
from pipelines.errors import RecordsError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.records.predictions import Logged, as_values, count
from pipelines.records.store import Records, open_records
from pipelines.serving import journal as journals
from pipelines.serving.journal import Journal
from pipelines.serving.launch import running

Stuck = tuple[Journal, threading.Event, threading.Event]


@contextlib.contextmanager
def silence() -> Iterator[int]:
    """The port of a socket that accepts, reads, and says nothing."""
    held: list[socket.socket] = []

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                held.append(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
    for one in held:
        one.close()


def silent_url(port: int) -> str:
    return f"postgresql+psycopg://nightshift@127.0.0.1:{port}/postgres"


def values(name: str) -> list[dict[str, Any]]:
    return [as_values(Logged(name, 0, "p", "v", "2026-03-01T00:00:00.000Z", {}, {"score": 0.5}))]


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    """A journal whose first transaction hangs until the event is set; and what says that it has begun."""
    monkeypatch.setattr(journals, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(journals, "LOOK_SECONDS", 0.05)
    real, begun, answers = journals.write, threading.Event(), threading.Event()

    def write(log: Records, rows: Any) -> None:
        begun.set()
        assert answers.wait(10)
        real(log, rows)

    monkeypatch.setattr(journals, "write", write)
    journal = Journal(open_records(f"sqlite:///{tmp_path / 'p.db'}", synchronous="NORMAL"))
    journal.start()
    yield journal, begun, answers
    answers.set()
    journal.stop()


def test_who_waits_behind_a_silent_database_is_told_and_who_comes_then_is_told_at_once(
    stuck: Stuck,
) -> None:
    journal, begun, answers = stuck

    async def scene() -> None:
        first = asyncio.create_task(journal.keep(values("first")))
        await asyncio.to_thread(begun.wait, 5)
        behind = [asyncio.create_task(journal.keep(values(f"behind {place}"))) for place in range(3)]
        told = await asyncio.gather(first, *behind, return_exceptions=True)
        assert all(isinstance(one, RecordsError) and "has not answered" in one.what for one in told)
        began = time.monotonic()
        with pytest.raises(RecordsError, match="has not answered"):
            await journal.keep(values("later"))
        assert time.monotonic() - began < 0.1
        journal.mend()
        assert "has not answered" in str(journal.trouble)
        answers.set()
        while journal.trouble is not None:
            await asyncio.sleep(0.01)
        await journal.keep(values("after"))

    asyncio.run(asyncio.wait_for(scene(), 10))
    assert count(journal.log, "p", "", "9999") == 2


def test_a_journal_serves_one_event_loop_after_another(tmp_path: Path) -> None:
    journal = Journal(open_records(f"sqlite:///{tmp_path / 'p.db'}", synchronous="NORMAL"))
    journal.start()
    for name in ("a", "b"):
        asyncio.run(journal.keep(values(name)))
    journal.stop()
    log = open_records(f"sqlite:///{tmp_path / 'p.db'}")
    assert count(log, "p", "", "9999") == 2
    log.close()


@pytest.mark.slow
def test_a_server_that_lets_nobody_in_is_an_error_after_two_seconds() -> None:
    with silence() as port:
        log = open_records(silent_url(port), busy_seconds=2.0)
        began = time.monotonic()
        with pytest.raises(RecordsError, match="cannot be reached") as raised, log.reading():
            pass
        assert 1.5 < time.monotonic() - began < 4.0
        assert raised.value.transient
        log.close()


@pytest.mark.slow
def test_a_journal_that_finds_a_silent_server_refuses_before_the_request_times_out() -> None:
    with silence() as port:
        journal = Journal(open_records(silent_url(port), busy_seconds=2.0))
        journal.start()
        assert "cannot be reached" in str(journal.trouble)
        began = time.monotonic()
        with pytest.raises(RecordsError, match="cannot be reached"):
            asyncio.run(journal.keep(values("a")))
        assert time.monotonic() - began < 6.0
        journal.stop()


@pytest.mark.slow
@pytest.mark.service
def test_a_served_request_whose_log_falls_silent_gets_503_with_retry_after_and_service_comes_back(
    small: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of(small, "breast")
    body = json.dumps({"rows": read_json(bundle / "golden.json")["rows"][:1]})
    layout = Layout(tmp_path)
    write_params(layout)
    with postgres() as url:
        monkeypatch.setenv("NIGHTSHIFT_LOG_URL", url)
        with running(layout, {"breast": bundle}, Service(), log=True) as served:
            heard = ask(served.host, served.port, body)
            assert heard[0] == 200
            with frozen(url):
                for _ in range(2):
                    status, retry, words, seconds = ask(served.host, served.port, body)
                    assert (status, retry) == (503, "1")
                    assert "prediction log" in words
                    assert seconds < 8.0
            deadline = time.monotonic() + 20
            while ask(served.host, served.port, body)[0] != 200:
                assert time.monotonic() < deadline
                time.sleep(0.2)


def ask(host: str, port: int, body: str) -> tuple[int, str | None, str, float]:
    """Status, Retry-After, body, seconds."""
    began = time.monotonic()
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=15.0)) as connection:
        connection.request("POST", "/v1/breast/predict", body, {"Content-Type": "application/json"})
        heard = connection.getresponse()
        text = heard.read().decode()
    return heard.status, heard.headers.get("Retry-After"), text, time.monotonic() - began


@contextlib.contextmanager
def frozen(url: str) -> Iterator[None]:
    """Every process of the server at this URL stands still."""
    port = url.rsplit(":", 1)[1].split("/")[0]
    found = subprocess.run(["pgrep", "-f", f"postgres .*-p {port} "], capture_output=True, text=True, check=True)
    server = int(found.stdout.split()[0])
    children = subprocess.run(["pgrep", "-P", str(server)], capture_output=True, text=True, check=True).stdout.split()
    processes = [server, *map(int, children)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
