"""Machines of the tiny project: clones that share a git remote, a DVC remote and the records, and no disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_project import environment, make_tiny

from pipelines.layout import Layout


@dataclass(frozen=True)
class Machine:
    """One clone."""

    layout: Layout
    records_url: str

    def variables(self) -> dict[str, str]:
        return {
            **environment(self.layout),
            "NIGHTSHIFT_SHARED": "remote",
            "NIGHTSHIFT_RECORDS_URL": self.records_url,
        }

    def run(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """``nightshift ARGUMENTS``."""
        return subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *arguments],
            cwd=self.layout.root, env=self.variables(), capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def step(self, kind: str, *arguments: str) -> dict[str, Any]:
        """One step of a lane as a task starts it; how it ended."""
        result = self.layout.root / "result.json"
        result.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.night.worker", str(result), kind, *arguments],
            cwd=self.layout.root, env=self.variables(), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert result.is_file(), done.stdout + done.stderr
        return {**json.loads(result.read_text()), "output": done.stdout + done.stderr}


def git(root: Path, *arguments: str) -> str:
    """Run git; its output."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_machines(folder: Path, records_url: str, names: tuple[str, ...] = ("first", "second")) -> list[Machine]:
    """A committed tiny project with one lane ``alpha`` and one candidate ``one``, cloned once per machine."""
    source = make_tiny(folder / "source", products=("alpha",), models=("one",)).root
    store = folder / "store"
    store.mkdir()
    subprocess.run(
        [sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "store", str(store)], cwd=source, check=True
    )
    (source / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    with (source / ".gitignore").open("a") as stream:
        stream.write("/result.json\n")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "start")
    origin = folder / "origin.git"
    git(folder, "clone", "-q", "--bare", os.fspath(source), os.fspath(origin))
    machines = []
    for name in names:
        git(folder, "clone", "-q", os.fspath(origin), name)
        (folder / name / ".venv").symlink_to((source / ".venv").resolve())
        git(folder / name, "update-index", "--skip-worktree", "dvc.lock")
        machines.append(Machine(Layout(folder / name), records_url))
    return machines
