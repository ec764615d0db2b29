"""A really full disk: a small file system of its own, and the same stage again once there is room."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from pipelines.errors import StageError
from pipelines.files import sha256_tree
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshots
from pipelines.runtime import run_stage

PRODUCT = "credit_risk_demo"


@pytest.fixture
def crowded(project: Layout) -> Iterator[Layout]:
    """The project with its lane on a file system of 96 KiB."""
    lane = project.lane(PRODUCT)
    lane.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(lane)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield project
    finally:
        subprocess.run(["umount", "-l", str(lane)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_full_disk_is_one_line_loses_nothing_and_the_next_run_gives_the_same_bytes(crowded: Layout) -> None:
    lane = crowded.lane(PRODUCT)
    take_snapshots(crowded, [PRODUCT], as_of="2026-02-01")
    with pytest.raises(StageError, match=r"No space left on device.*stage=fetch.*free disk space"):
        run_stage(crowded, "fetch", PRODUCT)
    assert not (lane / "fetch").exists()

    subprocess.run(["mount", "-o", "remount,size=64m", str(lane)], check=True)
    assert run_stage(crowded, "fetch", PRODUCT).passed
    assert [path.name for path in lane.iterdir()] == ["fetch"]
    after = sha256_tree(lane / "fetch")
    shutil.rmtree(lane / "fetch")
    run_stage(crowded, "fetch", PRODUCT)
    assert sha256_tree(lane / "fetch") == after
