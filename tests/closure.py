"""The first-party files that each stage of ``dvc.yaml`` reaches; ``--write`` lists them there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PINS = "requirements.txt"
STAGE = re.compile(r"^  (\w+):$")
DEPS = re.compile(r"^      deps:$")
ITEM = re.compile(r"^        - (.+)$")


def closure(graph: grimp.ImportGraph, stage: str) -> list[str]:
    """Paths of the pins file and of every module that the stage's command imports, lazily or not, sorted."""
    roots = {"pipelines.runtime", "pipelines.process", f"pipelines.stages.{stage}"}
    modules = set(roots)
    for root in roots:
        modules |= graph.find_upstream_modules(root)
    for module in list(modules):
        parts = module.split(".")
        modules |= {".".join(parts[:end]) for end in range(1, len(parts))}
    return sorted([PINS, *(_path(module) for module in modules)])


def _path(module: str) -> str:
    stem = Path(*module.split("."))
    package = stem / "__init__.py"
    return str(package if (ROOT / package).is_file() else stem.with_suffix(".py"))


def is_code(dep: str) -> bool:
    """Whether a dep of ``dvc.yaml`` is code or pins rather than data."""
    return dep == PINS or dep.startswith("pipelines/")


def rewrite(text: str, graph: grimp.ImportGraph) -> str:
    """``dvc.yaml`` with the code deps of every stage replaced by its closure."""
    lines: list[str] = []
    stage, in_deps = "", False
    for line in text.splitlines():
        if match := STAGE.match(line):
            stage = match[1]
        item = ITEM.match(line)
        if in_deps and not item:
            lines += [f"        - {path}" for path in closure(graph, stage)]
            in_deps = False
        if DEPS.match(line):
            in_deps = True
        if not (in_deps and item and is_code(item[1])):
            lines.append(line)
    return "\n".join(lines) + "\n"


def build_graph() -> grimp.ImportGraph:
    """The import graph of ``pipelines``, without a cache."""
    return grimp.build_graph("pipelines", cache_dir=None)


if __name__ == "__main__":
    path = ROOT / "dvc.yaml"
    wanted = rewrite(path.read_text(encoding="utf-8"), build_graph())
    if "--write" in sys.argv:
        path.write_text(wanted, encoding="utf-8")
    sys.exit(0 if path.read_text(encoding="utf-8") == wanted else 1)
