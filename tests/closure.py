"""The first-party code that each stage of ``dvc.yaml`` reaches; ``--write`` lists it there.

What lies in the package of a kind of problem or in that of a model family is listed as a folder named by the product's
problem or the candidate's family, ``pipelines/problems/${item.problem}/train``: a change to one problem or family never
touches the lanes of another.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import grimp

from pipelines.models import FAMILIES
from pipelines.problems import PROBLEMS
from pipelines.problems import STAGES as PROBLEM_STAGES

ROOT = Path(__file__).resolve().parents[1]
PINS = "requirements.txt"
STAGE = re.compile(r"^  (\w+):$")
DEPS = re.compile(r"^      deps:$")
ITEM = re.compile(r"^        - (.+)$")
OF_PROBLEM = re.compile(rf"^pipelines/problems/({'|'.join(PROBLEMS)})/(\w+)(/.*|\.py)$")
OF_FAMILY = re.compile(rf"^pipelines/models/({'|'.join(FAMILIES)})/.*$")


def closure(graph: grimp.ImportGraph, stage: str, problem: str) -> list[str]:
    """Paths of the pins file and of every module that the stage's command imports for a problem, lazily or not."""
    roots = {"pipelines.runtime", "pipelines.process", f"pipelines.stages.{stage}"}
    if stage in PROBLEM_STAGES:
        roots.add(f"pipelines.problems.{problem}.{stage}.run")
    modules = set(roots)
    for root in roots:
        modules |= graph.find_upstream_modules(root)
    for module in list(modules):
        parts = module.split(".")
        modules |= {".".join(parts[:end]) for end in range(1, len(parts))}
    return sorted([PINS, *(_path(module) for module in modules)])


def deps(graph: grimp.ImportGraph, stage: str) -> list[str]:
    """The code deps of a stage of ``dvc.yaml``, for all problems, sorted."""
    problems = PROBLEMS if stage in PROBLEM_STAGES else PROBLEMS[:1]
    return sorted({_dep(path, stage, problem) for problem in problems for path in closure(graph, stage, problem)})


def _dep(path: str, stage: str, problem: str) -> str:
    if found := OF_PROBLEM.match(path):
        own, part, rest = found.groups()
        if own == problem:
            return f"pipelines/problems/${{item.problem}}/{part}{rest if rest == '.py' else ''}"
    if stage == "train" and OF_FAMILY.match(path):
        return "pipelines/models/${item.family}"
    return path


def _path(module: str) -> str:
    stem = Path(*module.split("."))
    package = stem / "__init__.py"
    return str(package if (ROOT / package).is_file() else stem.with_suffix(".py"))


def is_code(dep: str) -> bool:
    """Whether a dep of ``dvc.yaml`` is code or pins rather than data."""
    return dep == PINS or dep.startswith("pipelines/")


def rewrite(text: str, graph: grimp.ImportGraph) -> str:
    """``dvc.yaml`` with the code deps of every stage replaced by :func:`deps`."""
    lines: list[str] = []
    stage, in_deps = "", False
    for line in text.splitlines():
        if match := STAGE.match(line):
            stage = match[1]
        item = ITEM.match(line)
        if in_deps and not item:
            lines += [f"        - {path}" for path in deps(graph, stage)]
            in_deps = False
        if DEPS.match(line):
            in_deps = True
        if not (in_deps and item and is_code(item[1])):
            lines.append(line)
    return "\n".join(lines) + "\n"


def build_graph() -> grimp.ImportGraph:
    """The import graph of ``pipelines``, without a cache."""
    return grimp.build_graph("pipelines", cache_dir=None, exclude_type_checking_imports=True)


if __name__ == "__main__":
    path = ROOT / "dvc.yaml"
    wanted = rewrite(path.read_text(encoding="utf-8"), build_graph())
    if "--write" in sys.argv:
        path.write_text(wanted, encoding="utf-8")
    sys.exit(0 if path.read_text(encoding="utf-8") == wanted else 1)
