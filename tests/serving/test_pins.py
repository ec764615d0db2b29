from __future__ import annotations

import re

import yaml
from closure import ROOT, build_graph

from pipelines.problems import PROBLEMS
from pipelines.serving import pins
from pipelines.serving.lean import HEAVY

DISTRIBUTIONS = {"airflow": "apache-airflow", "great_expectations": "great-expectations", "sklearn": "scikit-learn"}


def test_the_pins_are_what_this_environment_needs_and_holds() -> None:
    wanted, found = pins.text(), pins.FILE.read_text(encoding="utf-8")
    assert found == wanted, "run `python -m pipelines.serving.pins`"


def test_the_pins_hold_nothing_heavy_and_name_no_index() -> None:
    lines = [line for line in pins.FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[^\s;@]+", line) for line in lines)
    names = {line.split("==")[0] for line in lines}
    assert not names & {DISTRIBUTIONS.get(name, name) for name in HEAVY}
    assert set(pins.DIRECT) <= names


def test_the_bentofile_includes_all_that_the_service_reaches() -> None:
    options = yaml.safe_load((ROOT / "bentofile.yaml").read_text(encoding="utf-8"))
    graph = build_graph()
    roots = ["pipelines.serving.service", *(f"pipelines.problems.{problem}.answer.model" for problem in PROBLEMS)]
    modules = {*roots, *(module for root in roots for module in graph.find_upstream_modules(root))}
    missing = []
    for module in sorted(modules):
        stem = module.replace(".", "/")
        path = f"{stem}/__init__.py" if (ROOT / stem / "__init__.py").is_file() else f"{stem}.py"
        if not any(path == item or (item.endswith("/") and path.startswith(item)) for item in options["include"]):
            missing.append(path)
    assert missing == []
    assert all((ROOT / item).exists() for item in options["include"])
    rooms = {"/".join(module.split(".")[:2]) for module in modules}
    unused = [item for item in options["include"] if item.endswith("/") and item.rstrip("/") not in rooms]
    assert unused == []
    assert options["python"]["lock_packages"] is False
