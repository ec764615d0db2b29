"""What all tests share: where the project lies, a private state folder, the mirror of real data."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from pipelines.layout import Layout

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def mirror_folder() -> Path | None:
    """The mirror of the public data sets, if this machine has one."""
    for candidate in (os.environ.get("NIGHTSHIFT_MIRROR"), ROOT.parent / "shared" / "data"):
        if candidate and Path(candidate).is_dir():
            return Path(candidate).resolve()
    return None


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout under test."""
    return ROOT


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror folder; skips where there is none."""
    folder = mirror_folder()
    if folder is None:
        pytest.skip("needs the mirror of the public data sets: set NIGHTSHIFT_MIRROR to its folder")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Layout:
    """A private copy of the parameters and suites, with an empty state folder: nothing of the checkout is touched."""
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    shutil.copytree(ROOT / "expectations", tmp_path / "expectations")
    return Layout(tmp_path)
