"""Small tables through the label and prepare stages: the stages' own code, one product, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lanes
import numpy as np
import pandas as pd

from pipelines.config import Params, Product, parse_params
from pipelines.files import write_parquet
from pipelines.layout import Layout
from pipelines.stages.label import label
from pipelines.stages.prepare import prepare
from pipelines.verdicts import Verdict

PRODUCT = "table"
REQUIREMENTS = {
    "users": "testers",
    "decision": "whether the test passes",
    "latency_p99_ms": 250,
    "bundle_size_mb": 16,
    "service_memory_mb": 1024,
    "retention_days": 30,
}


def params_of(columns: Mapping[str, Any], protected: tuple[str, ...] = (), **blocks: Any) -> Params:
    """One product with these columns; ``blocks`` are ``label`` and ``prepare``."""
    block = {
        "title": "Table (test)",
        "data": "own",
        "problem": "tabular",
        "requirements": {**REQUIREMENTS, "protected": list(protected)},
        "source": {"kind": "bundled", "name": "breast_cancer"},
        "columns": {"id": "id", "target": "y", "task": "binary", "positive": 1, **columns},
        "validation": {"suite": "none"},
        "evaluate": {"metric": "rmse" if columns.get("task") == "regression" else "roc_auc"},
        **blocks,
    }
    candidate = {"product": PRODUCT, "problem": "tabular", "model": "lightgbm", "family": "lightgbm"}
    content = {
        "profile": {"threads": 1},
        "products": {PRODUCT: block},
        "candidates": {f"{PRODUCT}-lightgbm": candidate},
    }
    return parse_params(content)


def product_of(columns: Mapping[str, Any], **blocks: Any) -> Product:
    return params_of(columns, **blocks).product(PRODUCT)


def plain_rows(count: int = 400, seed: int = 0) -> pd.DataFrame:
    """``id``, a telling ``a``, noise ``b``, a category ``c`` and a binary ``y`` that ``a`` explains in part."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=count)
    return pd.DataFrame(
        {
            "id": np.arange(count) + 1,
            "a": a,
            "b": rng.normal(size=count),
            "c": rng.choice(["red", "grün", "blå"], size=count),
            "y": (a + rng.normal(size=count) > 0).astype(np.int64),
        }
    )


PLAIN = {"numeric": ["a", "b"], "categorical": ["c"]}


def run_label(layout: Layout, params: Params, rows: pd.DataFrame) -> Verdict:
    """The label stage on rows that validate let pass."""
    write_parquet(layout.stage("validate", PRODUCT) / "rows.parquet", rows)
    return lanes.run(layout, params, "label", PRODUCT, label)


def run_prepare(layout: Layout, params: Params, rows: pd.DataFrame) -> Verdict:
    """The prepare stage on labelled rows."""
    write_parquet(layout.stage("label", PRODUCT) / "rows.parquet", rows)
    return lanes.run(layout, params, "prepare", PRODUCT, prepare)


def run_both(layout: Layout, params: Params, rows: pd.DataFrame) -> Verdict:
    """Label, then prepare on what label wrote."""
    run_label(layout, params, rows)
    return lanes.run(layout, params, "prepare", PRODUCT, prepare)
