"""Borders held by a machine: rooms, code deps of the stages, the parameters' schema, nothing of this machine in git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from closure import build_graph, closure, rewrite

from pipelines.config import Params
from pipelines.layout import STAGES

ROOT = Path(__file__).resolve().parents[1]
ABOVE = ("pipelines/night", "pipelines/release", "pipelines/monitoring", "pipelines/serving", "pipelines/cli")


def test_stages_list_exactly_the_code_they_reach() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert rewrite(text, build_graph()) == text, "run `make deps`: dvc.yaml's code deps are not the import closure"


def test_closure_holds_what_a_stage_reaches_and_nothing_of_the_rooms_above() -> None:
    graph = build_graph()
    for stage in STAGES:
        files = closure(graph, stage)
        assert f"pipelines/stages/{stage}.py" in files
        assert "pipelines/errors.py" in files
        assert not [
            path for path in files if path.startswith(("pipelines/night", "pipelines/release", "pipelines/cli"))
        ]


def test_schema_of_the_parameters_is_current() -> None:
    stored = json.loads((ROOT / "docs" / "params.schema.json").read_text(encoding="utf-8"))
    assert stored == Params.model_json_schema(), "run `make schema`"


def _tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def test_no_tracked_file_is_data() -> None:
    heavy = [path.name for path in _tracked() if path.is_file() and path.stat().st_size > 1_000_000]
    assert heavy == []


def test_no_python_file_is_longer_than_400_lines() -> None:
    long = [p.name for p in _tracked() if p.suffix == ".py" and p.is_file() and len(p.read_text().splitlines()) > 400]
    assert long == []
