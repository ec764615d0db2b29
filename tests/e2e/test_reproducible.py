"""Same inputs, same bytes: two clones, one lock file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from clones import changed_files, fresh_clone, run_in, small_setting

pytestmark = [pytest.mark.slow, pytest.mark.night]


def test_two_fresh_clones_end_with_the_same_lock_byte_for_byte(tmp_path: Path) -> None:
    locks = []
    for name in ("one", "another place"):
        clone = fresh_clone(tmp_path / name)
        small_setting(clone)
        run_in(clone, "nightshift", "snapshot", "--missing")
        run_in(clone, "dvc", "repro")
        locks.append((clone / "dvc.lock").read_bytes())
        assert b"package@credit_risk_demo" in locks[-1]
        assert "up to date" in run_in(clone, "dvc", "status").stdout
        assert changed_files(clone) == ["params.yaml"]
