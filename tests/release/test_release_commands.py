"""The commands as a user types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bundles import pack_lane, write_params

from pipelines.errors import EXIT_BLOCKED, EXIT_UNAVAILABLE, EXIT_USAGE
from pipelines.layout import Layout
from pipelines.records.store import open_records
from pipelines.release import releasing
from pipelines.serving.client import Client
from pipelines.serving.launch import descendants, free_port
from pipelines.verdicts import Verdict

pytestmark = pytest.mark.slow  # each command is a process of its own


def nightshift(layout: Layout, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NIGHTSHIFT_ROOT": str(layout.root)}
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def three_versions(folder: Path) -> Layout:
    """Three versions of breast: the second is the champion after the first, the third is worse and waits."""
    layout = Layout(folder)
    params = write_params(layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(releasing, "smoke", lambda *args: Verdict(gate="smoke", product=args[2], status="passed"))
        for night, (seed, iterations) in enumerate([(3, 1), (0, 60), (2, 1)]):
            pack_lane(layout, params, "breast", seed, iterations)
            releasing.release(layout, params, "breast", f"night-{night}")
    return layout


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Shared by the tests of this file, in the order of the file; the first moves the champion."""
    return three_versions(tmp_path_factory.mktemp("three"))


def test_plan_rollback_promote_and_history(layout: Layout) -> None:
    planned = nightshift(layout, "plan", "breast")
    assert planned.returncode == EXIT_BLOCKED
    assert "NO  difference" in planned.stdout
    assert planned.stdout.splitlines()[-1].startswith("breast: ")
    refused = nightshift(layout, "promote", "breast")
    assert refused.returncode == EXIT_BLOCKED
    assert refused.stderr.startswith("nightshift: ")
    assert len(refused.stderr.splitlines()) == 1
    back = nightshift(layout, "rollback", "breast", "--who", "bob", "--why", "odd answers")
    assert back.returncode == 0
    assert "rollback" in back.stdout
    forced = nightshift(layout, "promote", "breast", "--force", "--why", "to see it live")
    assert forced.returncode == 0
    lines = nightshift(layout, "history", "breast").stdout.splitlines()
    moves = [line for line in lines if " -> " in line]
    assert len(moves) == 4
    assert moves[0].startswith("* ")
    assert "forced: to see it live" in moves[0]
    assert "bob: odd answers" in moves[1]
    assert "the night, night night-1" in moves[2]
    assert all("code " in line and "data " in line and "params " in line for line in lines if line not in moves)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["plan", "nothing"], EXIT_USAGE, "no product 'nothing'"),
        (["history", "nothing"], EXIT_USAGE, "no product 'nothing'"),
        (["plan", "wine"], EXIT_UNAVAILABLE, "no version is recorded"),
        (["rollback", "wine"], EXIT_UNAVAILABLE, "no earlier champion"),
        (["promote", "breast", "0123456789abcdef"], EXIT_UNAVAILABLE, "no such version"),
        (["bento", "wine"], EXIT_USAGE, "wine has no champion"),
        (["serve", "--port", "0"], EXIT_USAGE, "greater than or equal to 1"),
    ],
)
def test_a_wrong_command_is_one_clear_line(layout: Layout, arguments: list[str], status: int, words: str) -> None:
    done = nightshift(layout, *arguments)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_refill_says_what_the_store_holds_and_what_is_lost(layout: Layout) -> None:
    done = nightshift(layout, "refill")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    lost = next((layout.state / "bundles" / "breast").iterdir())
    (lost / "manifest.json").unlink()
    again = nightshift(layout, "refill")
    assert again.returncode == EXIT_BLOCKED
    assert f"lost breast:{lost.name}" in again.stdout


@pytest.mark.service
def test_serve_answers_for_the_champion_and_ends_on_ctrl_c(layout: Layout) -> None:
    port = free_port()
    environment = {**os.environ, "NIGHTSHIFT_ROOT": str(layout.root)}
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        with Client("127.0.0.1", port) as client:
            ready = ""
            deadline = time.monotonic() + 60
            while "serves" not in ready and time.monotonic() < deadline:
                time.sleep(0.2)
                ready = _ready(client)
            assert "serves breast" in ready
            below = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()
    open_records(layout.records_url).close()


def _ready(client: Client) -> str:
    from pipelines.errors import ServiceError

    try:
        return client.call("GET", "/readyz").text
    except ServiceError:
        return ""
