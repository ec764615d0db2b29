"""Borders held by a machine: rooms, code deps of the stages, the parameters' schema, nothing of this machine in git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from closure import build_graph, closure, rewrite

from pipelines.config import Params
from pipelines.layout import STAGES
from pipelines.problems import FOLDERS, PROBLEMS

ROOT = Path(__file__).resolve().parents[1]
ABOVE = ("pipelines/night", "pipelines/release", "pipelines/monitoring", "pipelines/serving", "pipelines/cli")


def test_stages_list_exactly_the_code_they_reach() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert rewrite(text, build_graph()) == text, "run `make deps`: dvc.yaml's code deps are not the import closure"


@pytest.mark.parametrize("problem", PROBLEMS)
def test_closure_holds_what_a_stage_reaches_and_nothing_of_the_rooms_above(problem: str) -> None:
    graph = build_graph()
    for stage in STAGES:
        files = closure(graph, stage, problem)
        assert f"pipelines/stages/{stage}.py" in files
        assert "pipelines/errors.py" in files
        assert not [
            path for path in files if path.startswith(("pipelines/night", "pipelines/release", "pipelines/cli"))
        ]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_has_every_folder_and_uses_none_of_another(problem: str) -> None:
    graph = build_graph()
    own = f"pipelines.problems.{problem}"
    assert all((ROOT / "pipelines" / "problems" / problem / folder / "__init__.py").is_file() for folder in FOLDERS)
    others = tuple(f"pipelines.problems.{other}" for other in PROBLEMS if other != problem)
    modules = {own, *graph.find_descendants(own)}
    used = {name for module in modules for name in graph.find_modules_directly_imported_by(module)}
    assert not [name for name in used if name.startswith(others) and others]


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
