"""The records on a real PostgreSQL that the test starts, where the machine has one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from pipelines.errors import RecordsError
from pipelines.records import registry, scoreboard
from pipelines.records.registry import Version
from pipelines.records.scoreboard import Lane
from pipelines.records.store import open_records

pytestmark = [pytest.mark.slow, pytest.mark.service]


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.skip("needs PostgreSQL's initdb and postgres")
    return found[-1].parent if found else Path(str(on_path)).parent


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a fresh server on loopback; PostgreSQL refuses to run as root, so root lends it another user."""
    pytest.importorskip("psycopg", reason="needs the driver: pip install 'psycopg[binary]'")
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="nightshift-postgres-"))
    as_user: list[str] = []
    if os.getuid() == 0:
        done = subprocess.run(["id", "-u", "postgres"], capture_output=True, text=True, check=False)
        if done.returncode or shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        shutil.chown(folder, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-U", "nightshift", "--auth=trust", "--no-sync"],
        check=True, capture_output=True,
    )  # fmt: skip
    process = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        for _ in range(60):
            if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                break
        yield f"postgresql+psycopg://nightshift@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown: connections are not waited for
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


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
        connection.execute(text("DROP TABLE champions, promotions, versions, lanes, nights, schema_version"))
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


def test_a_server_that_is_gone_is_a_transient_error_without_the_password() -> None:
    pytest.importorskip("psycopg")
    records = open_records("postgresql+psycopg://user:s3cret@127.0.0.1:1/none")
    with pytest.raises(RecordsError, match="cannot be reached") as caught:
        registry.all_champions(records)
    assert caught.value.transient
    assert "s3cret" not in caught.value.line()
