from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.errors import RecordsError
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.store import Records, open_records

SWAPPER = """
import sys
from pipelines.records import registry
from pipelines.records.store import open_records
records = open_records(sys.argv[1])
print("ready", flush=True)
while True:
    current = registry.champion(records, "p")
    to = "b" if current == "a" else "a"
    registry.move_champion(records, "p", to, kind="promote", who="t", why="w", expected=current)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


@pytest.fixture
def records(url: str) -> Records:
    opened = open_records(url)
    for version in ("a", "b"):
        registry.add_version(opened, Version("p", version, "night-1", {"data": "d"}, {"auc": {"value": 0.7}}))
    return opened


def move(records: Records, to: str, expected: str | None, kind: registry.Kind = "promote") -> registry.Promotion:
    return registry.move_champion(records, "p", to, kind=kind, who="someone", why="better", expected=expected)


def test_a_version_is_recorded_once_and_keeps_its_first_night(records: Records) -> None:
    again = registry.add_version(records, Version("p", "a", "night-2"))
    assert again.night == "night-1"
    assert again.digests == {"data": "d"}
    assert [version.version for version in registry.list_versions(records, "p")] == ["a", "b"]
    assert registry.find_version(records, "p", "z") is None


def test_a_gate_s_last_word_stays_with_its_version(records: Records) -> None:
    registry.add_verdict(records, "p", "a", "smoke", {"status": "blocked"})
    registry.add_verdict(records, "p", "a", "champion", {"status": "passed"})
    registry.add_verdict(records, "p", "a", "smoke", {"status": "passed"})
    found = registry.find_version(records, "p", "a")
    assert found is not None
    assert found.verdicts == {"smoke": {"status": "passed"}, "champion": {"status": "passed"}}
    with pytest.raises(RecordsError, match="no such version"):
        registry.add_verdict(records, "p", "z", "smoke", {})


def test_the_pointer_and_its_history_move_together(records: Records) -> None:
    assert registry.champion(records, "p") is None
    first = move(records, "a", None)
    second = move(records, "b", "a")
    third = move(records, "a", "b", kind="rollback")
    assert registry.all_champions(records) == {"p": "a"}
    assert registry.history(records, "p") == [third, second, first]
    assert (third.kind, third.from_version, third.to_version) == ("rollback", "b", "a")
    assert third.at.endswith("Z")
    assert third.at >= first.at


@pytest.mark.parametrize(
    ("to", "expected", "words"),
    [
        ("z", "a", "no such version"),
        ("b", None, "champion has changed"),
        ("b", "z", "champion has changed"),
        ("a", "a", "champion already"),
    ],
)
def test_a_move_that_does_not_fit_changes_nothing(records: Records, to: str, expected: str | None, words: str) -> None:
    move(records, "a", None)
    with pytest.raises(RecordsError, match=words):
        move(records, to, expected)
    assert registry.champion(records, "p") == "a"
    assert len(registry.history(records, "p")) == 1


def test_products_do_not_share_versions(records: Records) -> None:
    with pytest.raises(RecordsError, match="no such version"):
        registry.move_champion(records, "q", "a", kind="promote", who="w", why="y", expected=None)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_champion(records: Records, url: str) -> None:
    move(records, "a", None)
    chance = random.Random(7)
    lengths = []
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", SWAPPER, url], stdout=subprocess.PIPE, env=dict(os.environ))
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.02 + 0.1 * chance.random())
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        past = registry.history(records, "p")
        assert registry.champion(records, "p") == past[0].to_version, "pointer and history must agree"
        for later, earlier in itertools.pairwise(past):
            assert later.from_version == earlier.to_version
        lengths.append(len(past))
    assert lengths == sorted(lengths)
    assert lengths[-1] > 6, "the swapper must have been at work when it was killed"
