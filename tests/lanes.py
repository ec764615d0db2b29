"""Real lanes for tests, from labelled rows to export, on scikit-learn's real data: the stages' own code runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config import Params, parse_params
from pipelines.files import write_parquet
from pipelines.layout import Layout
from pipelines.problems.tabular.evaluate import run as judging
from pipelines.problems.tabular.export import run as exporting
from pipelines.problems.tabular.package import run as packaging
from pipelines.problems.tabular.prepare import run as preparing
from pipelines.problems.tabular.train import run as training
from pipelines.step import Step
from pipelines.verdicts import Verdict, write_verdict

TASKS = {"cancer": "binary", "wine": "multiclass", "diabetes": "regression"}
METRIC = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}
QUICK = {"iterations": 60, "min_data_in_leaf": 5, "num_leaves": 7}
OTHER = {"iterations": 40, "min_data_in_leaf": 15, "num_leaves": 3, "extra_trees": True}


def raw_rows(product: str, repeat: int = 1) -> pd.DataFrame:
    """Real rows with an id, a text category with an umlaut, a protected column and nulls.

    ``repeat`` puts noisy copies below the rows, where a test needs more of them.
    """
    from sklearn import datasets

    loader = {"cancer": "load_breast_cancer", "wine": "load_wine", "diabetes": "load_diabetes"}[product]
    bunch = getattr(datasets, loader)(as_frame=True)
    whole = pd.concat([bunch.data.iloc[:, :6]] * repeat, ignore_index=True)
    rng = np.random.default_rng(1)
    whole = whole + rng.normal(0, 0.4, whole.shape) * bunch.data.iloc[:, :6].std().to_numpy()
    whole.columns = [f"x{place}" for place in range(whole.shape[1])]
    whole["größe"] = np.where(whole["x0"] > whole["x0"].median(), "groß", "klein")
    whole.loc[whole.index % 13 == 0, "größe"] = None
    whole.loc[whole.index % 11 == 0, "x1"] = np.nan
    whole["sex"] = rng.integers(1, 3, len(whole))
    whole["age"] = rng.integers(18, 80, len(whole))
    whole["id"] = np.arange(len(whole)) + 1000
    whole["outcome"] = np.tile(bunch.target.to_numpy(), repeat)
    return whole


def params_for(
    product: str,
    requirements: Mapping[str, Any] | None = None,
    models: Mapping[str, Mapping[str, Any]] | None = None,
    **evaluate: Any,
) -> Params:
    """One product with LightGBM candidates; ``evaluate`` goes into that block."""
    task = TASKS[product]
    block = {
        "title": f"{product} (test)",
        "data": "own",
        "problem": "tabular",
        "requirements": {
            "users": "testers",
            "decision": "whether the test passes",
            "latency_p99_ms": 250,
            "bundle_size_mb": 16,
            "service_memory_mb": 1024,
            "retention_days": 30,
            "protected": ["sex", "age"],
            "fairness": {"min_group_rows": 20},
            **(requirements or {}),
        },
        "source": {"kind": "bundled", "name": {"cancer": "breast_cancer"}.get(product, product)},
        "columns": {
            "id": "id",
            "target": "outcome",
            "task": task,
            "positive": 1,
            "numeric": [f"x{place}" for place in range(6)],
            "categorical": ["größe"],
        },
        "validation": {"suite": "none"},
        "prepare": {"split": {"valid_share": 0.3, "test_share": 0.3}},
        "evaluate": {"metric": METRIC[task], "resamples": 200, **evaluate},
    }
    candidates = {
        f"{product}-{model}": {
            "product": product,
            "problem": "tabular",
            "model": model,
            "family": "lightgbm",
            **settings,
        }
        for model, settings in (models or {"lightgbm": {"params": QUICK}}).items()
    }
    return parse_params({"profile": {"threads": 1}, "products": {product: block}, "candidates": candidates})


def run(
    layout: Layout, params: Params, stage: str, product: str, work: Callable[[Step], Verdict], **more: Any
) -> Verdict:
    """One stage as the runtime runs it, without its locks."""
    candidate = more.get("candidate")
    out = layout.stage(stage, product, candidate.model if candidate else None)
    for part in ("result", "plots") if stage == "evaluate" else (".",):
        (out / part).mkdir(parents=True, exist_ok=True)
    verdict = work(Step(stage, product, params, layout, out, **more))
    write_verdict(out / "result" if stage == "evaluate" else out, verdict)
    return verdict


def train(layout: Layout, params: Params, product: str, rows: pd.DataFrame | None = None) -> None:
    """From labelled rows to every candidate's train folder."""
    write_parquet(layout.stage("label", product) / "rows.parquet", raw_rows(product) if rows is None else rows)
    run(layout, params, "prepare", product, lambda step: preparing.run(step, None))
    for candidate in params.candidates_of(product).values():
        run(layout, params, "train", product, lambda step: training.run(step, None), candidate=candidate)


def evaluate(layout: Layout, params: Params, product: str) -> Verdict:
    return run(layout, params, "evaluate", product, lambda step: judging.run(step, None))


def export(layout: Layout, params: Params, product: str) -> Verdict:
    return run(layout, params, "export", product, lambda step: exporting.run(step, None))


def package(layout: Layout, params: Params, product: str) -> Verdict:
    """Packs ``package/bundle``."""
    return run(layout, params, "package", product, lambda step: packaging.run(step, None))


def bundle_parts(layout: Layout, product: str) -> tuple[Path, Path, Path]:
    """``choice.json``, ``features.json`` and ``export.json`` where the stages leave them."""
    return (
        layout.stage("evaluate", product) / "result" / "choice.json",
        layout.stage("prepare", product) / "features.json",
        layout.stage("export", product) / "export.json",
    )
