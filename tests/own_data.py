"""A project with one product of its own, made from a few lines: for tests of the data rooms."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from pipelines.config import Params, load_params
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshot
from pipelines.runtime import run_stage
from pipelines.verdicts import Verdict

PRODUCT = "own"
DAY = date(2026, 6, 30)

REQUIREMENTS = {
    "users": "tests",
    "decision": "none",
    "latency_p99_ms": 50,
    "bundle_size_mb": 10,
    "service_memory_mb": 500,
    "retention_days": 1,
}


def write_project(
    folder: Path,
    source: dict[str, Any],
    columns: dict[str, Any],
    expectations: list[dict[str, Any]] | str | None = None,
    *,
    derived: list[dict[str, Any]] | None = None,
    limits: dict[str, Any] | None = None,
    label: dict[str, Any] | None = None,
) -> Layout:
    """``params.yaml`` and a suite for one product named ``own``; ``expectations`` as text is written as it is."""
    product = {
        "title": "Own",
        "data": "own",
        "problem": "tabular",
        "requirements": REQUIREMENTS,
        "source": source,
        "columns": columns,
        "validation": {"suite": PRODUCT, "quarantine_limit": 0.5, "min_rows": 1, **(limits or {})},
        "evaluate": {"metric": "roc_auc"},
        **({} if label is None else {"label": label}),
    }
    candidate = {"product": PRODUCT, "problem": "tabular", "model": "lightgbm", "family": "lightgbm"}
    content = {"products": {PRODUCT: product}, "candidates": {f"{PRODUCT}-lightgbm": candidate}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    if expectations is not None:
        (folder / "expectations").mkdir(exist_ok=True)
        suite = {"name": PRODUCT, "meta": {"derived": derived or []}, "expectations": expectations}
        text = expectations if isinstance(expectations, str) else json.dumps(suite)
        (folder / "expectations" / f"{PRODUCT}.json").write_text(text, encoding="utf-8")
    return Layout(folder)


def params_of(layout: Layout) -> Params:
    """The project's parameters."""
    return load_params(layout.params)


def fetch_own(layout: Layout) -> Verdict:
    """Snapshot, then the fetch stage."""
    take_snapshot(layout, params_of(layout), PRODUCT, DAY)
    return run_stage(layout, "fetch", PRODUCT)


def validate_own(layout: Layout) -> Verdict:
    """Snapshot, fetch and validate."""
    fetch_own(layout)
    return run_stage(layout, "validate", PRODUCT)


def expect(kind: str, severity: str | None = None, **kwargs: Any) -> dict[str, Any]:
    """One expectation of a suite; ``kind`` without ``expect_``."""
    made: dict[str, Any] = {"type": f"expect_{kind}", "kwargs": kwargs}
    return {**made, "severity": severity} if severity else made
