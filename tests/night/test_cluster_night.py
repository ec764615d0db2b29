"""A demo lane on PostgreSQL, Redis and two Celery workers without a common disk; one of them dies in the middle."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from cluster import PRODUCT, Cluster, clone, cluster, git, processes_in, runs

from pipelines.layout import Layout
from pipelines.night.api import AirflowApi
from pipelines.night.git_store import REFS

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.night, pytest.mark.timeout(900)]
DAY = "2026-06-30"


def entries(text: str) -> dict[str, object]:
    return dict(yaml.safe_load(text)["stages"])


def lane_on_one_machine(origin: Path) -> tuple[Layout, subprocess.Popen[bytes]]:
    """The same lane by `dvc repro` in a clone of its own, beside."""
    layout = clone(origin, "alone")
    command = (
        f"{sys.executable} -m pipelines.cli snapshot {PRODUCT} --as-of {DAY} && "
        f"{sys.executable} -m dvc repro -q package@{PRODUCT}"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(layout.root), "NIGHTSHIFT_ROOT": str(layout.root)}
    return layout, subprocess.Popen(["sh", "-c", command], cwd=layout.root, env=environment)


def follow(made: Cluster, api: AirflowApi, run_id: str) -> tuple[str, str]:
    """The run's state at its end, and which worker was killed in the middle of its evaluation."""
    killed = ""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        if not killed:
            killed = next((n for n, at in made.workers.items() if runs(at.root, f"run evaluate {PRODUCT}")), "")
            if killed:
                time.sleep(1.0)
                made.kill(killed)
        state = api.run_state(run_id)
        if state in {"success", "failed"}:
            return state, killed
        time.sleep(0.3)
    return "still running", killed


def test_a_lane_on_two_workers_ends_with_the_same_bytes_though_one_is_killed_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_HOME", "NIGHTSHIFT_ROOT"):
        monkeypatch.delenv(name, raising=False)
    with cluster(tmp_path) as made:
        alone, beside = lane_on_one_machine(tmp_path / "origin.git")
        made.start()
        api = AirflowApi(made.control, made.address)
        api.trigger("cluster_night", {"data": "demo", "products": [], "as_of": DAY, "force": False})
        state, killed = follow(made, api, "cluster_night")
        tasks = {str(task["task_id"]): task for task in api.tasks("cluster_night")}
        assert state == "success", {name: task["state"] for name, task in tasks.items()}
        assert killed in made.workers
        assert tasks[f"{PRODUCT}.evaluate"]["try_number"] == 2
        assert sum(task["try_number"] > 1 for task in tasks.values()) == 1
        assert beside.wait(timeout=300) == 0
        origin = tmp_path / "origin.git"
        kept = git(origin, "cat-file", "blob", f"{REFS}/cluster_night:dvc.lock")
        assert entries(kept) == entries((alone.root / "dvc.lock").read_text())
        assert git(origin, "cat-file", "-t", f"{REFS}/cluster_night:{PRODUCT}/manifest.json") == "blob"
        left, right = (made.workers[name].lane(PRODUCT) for name in made.workers)
        assert left.is_dir()
        assert right.is_dir()
        assert not made.control.lane(PRODUCT).exists()
    for layout in (made.control, *made.workers.values()):
        assert processes_in(layout.root) == []
