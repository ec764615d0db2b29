"""Real bundles for tests, packed by the package stage itself from a small model on scikit-learn's real data."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.blocks.models import Profile
from pipelines.config import Params, parse_params
from pipelines.files import write_bytes, write_json, write_parquet
from pipelines.layout import Layout
from pipelines.models import lightgbm as trees
from pipelines.models.base import FitSettings
from pipelines.problems.common.finishing import finish
from pipelines.problems.tabular.answer.predictor import Predictor
from pipelines.problems.tabular.core.prepared import Prepared, load_prepared
from pipelines.problems.tabular.export import onnx_trees
from pipelines.problems.tabular.package import run as packaging
from pipelines.problems.tabular.prepare import run as preparing
from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict, write_verdict

TASKS = {"breast": "binary", "wine": "multiclass", "diabetes": "regression"}
METRIC = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}


def raw_rows(product: str) -> pd.DataFrame:
    """Real rows with an id, a text category, whole numbers and nulls, as a source would bring them."""
    from sklearn import datasets

    loader = {"breast": "load_breast_cancer", "wine": "load_wine", "diabetes": "load_diabetes"}[product]
    bunch = getattr(datasets, loader)(as_frame=True)
    frame = bunch.data.iloc[:, :6].copy()
    frame.columns = [name.split("(")[0].strip().replace(" ", "_") for name in frame.columns]
    first = frame.columns[0]
    frame["size"] = np.where(frame[first] > frame[first].median(), "large", "small")
    frame["visits"] = (np.arange(len(frame)) * 7) % 5
    frame.loc[frame.index % 11 == 0, frame.columns[1]] = math.nan
    frame["id"] = np.arange(len(frame)) + 1000
    frame["outcome"] = bunch.target.to_numpy()
    return frame


def params_of(**changes: Any) -> Params:
    """Parameters of the three small products; ``changes`` go into each product's ``requirements``."""
    products, candidates = {}, {}
    for product, task in TASKS.items():
        numeric = [name for name in raw_rows(product).columns if name not in ("id", "outcome", "size")]
        products[product] = {
            "title": f"{product} (small)",
            "data": "own",
            "problem": "tabular",
            "requirements": {
                "users": "testers",
                "decision": "whether the test passes",
                "latency_p99_ms": 250,
                "bundle_size_mb": 16,
                "service_memory_mb": 1024,
                "retention_days": 30,
                **changes,
            },
            "source": {"kind": "bundled", "name": {"breast": "breast_cancer"}.get(product, product)},
            "columns": {
                "id": "id",
                "target": "outcome",
                "task": task,
                "positive": 1,
                "numeric": numeric,
                "categorical": ["size"],
            },
            "validation": {"suite": "none"},
            "prepare": {"split": {"valid_share": 0.25}},
            "evaluate": {"metric": METRIC[task], "resamples": 200},
        }
        candidates[f"{product}-lightgbm"] = {
            "product": product,
            "problem": "tabular",
            "model": "lightgbm",
            "family": "lightgbm",
        }
    return parse_params({"products": products, "candidates": candidates})


def pack_lane(layout: Layout, params: Params, product: str, seed: int = 0, iterations: int = 40) -> Verdict:
    """Fill the folders of a lane from prepare to package; the bundle lies in ``package/bundle``."""
    frame = raw_rows(product)
    write_parquet(layout.stage("label", product) / "rows.parquet", frame)
    _stage(layout, params, "prepare", product, lambda step: preparing.run(step, None))
    columns = params.product(product).columns
    prepared = load_prepared(layout.stage("prepare", product), columns, None)
    settings = FitSettings(
        seed=seed,
        params={"iterations": iterations, "min_data_in_leaf": 5, "num_leaves": 7},
        profile=Profile(threads=1),
    )
    model = trees.fit(prepared.fit_data(prepared.rows("train"), prepared.rows("valid")), settings)
    export = layout.stage("export", product)
    export.mkdir(parents=True, exist_ok=True)
    write_json(export / "export.json", {"members": [_export(export, product, prepared, model)]})
    _judge(layout, params, product, prepared, model)
    write_json(layout.stage("fetch", product) / "provenance.json", {"sha256": "ab" * 32, "rows": len(frame)})
    derive = derive_for(params.product(product).columns.features)
    return _stage(layout, params, "package", product, lambda step: packaging.run(step, derive))


def _export(folder: Path, product: str, prepared: Prepared, model: trees.TreesModel) -> dict[str, Any]:
    """LightGBM's own text; diabetes as an ONNX graph, so that both runtimes are served."""
    entry: dict[str, Any] = {
        "model": "lightgbm",
        "family": "lightgbm",
        "format": "lightgbm",
        "files": model.save(folder),
    }
    if product == "diabetes":
        text = (folder / entry["files"][0]).read_text(encoding="utf-8")
        width, kinds = prepared.design.numeric.shape[1], prepared.design.categorical.shape[1]
        write_bytes(folder / "trees_0.onnx", onnx_trees.build(text, width, kinds))
        entry |= {"format": "onnx", "files": ["trees_0.onnx"]}
    return entry


def _judge(layout: Layout, params: Params, product: str, prepared: Prepared, model: trees.TreesModel) -> None:
    threshold = 0.4 if prepared.task == "binary" else None
    choice = {
        "task": prepared.task,
        "classes": prepared.classes,
        "members": [{"model": "lightgbm", "weight": 1.0}],
        "blend": "mean",
        "calibration": {"method": "none"},
        "threshold": threshold,
        "metric": {"name": params.product(product).evaluate.metric, "value": 0.9, "low": 0.8, "high": 1.0},
        "reference": {
            "numeric": [None] * prepared.design.numeric.shape[1],
            "categorical": [0] * prepared.design.categorical.shape[1],
        },
    }
    folder = layout.stage("evaluate", product)
    write_json(folder / "result" / "choice.json", choice)
    write_json(folder / "result" / "card.json", card_facts(product, prepared.task))
    write_json(folder / "metrics.json", {choice["metric"]["name"]: {"value": 0.9, "low": 0.8, "high": 1.0}})
    chosen = prepared.rows("valid", "test")
    scores = finish(choice, [model.predict(prepared.design.take(chosen))])
    table = {"_row": chosen, "_split": prepared.split[chosen]}
    if scores.ndim == 2:
        table |= {f"score_{place}": scores[:, place] for place in range(scores.shape[1])}
    else:
        table["score"] = scores
    write_parquet(folder / "result" / "predictions.parquet", pd.DataFrame(table))


def card_facts(product: str, task: str) -> dict[str, Any]:
    """The least that a model card is rendered from."""
    return {
        "product": product,
        "title": product,
        "task": task,
        "use": {"users": "testers", "decision": "whether the test passes"},
        "verdict": {"status": "passed", "reason": ""},
        "requirements": [],
        "budgets": {"latency_p99_ms": 250, "bundle_size_mb": 16, "service_memory_mb": 1024, "retention_days": 30},
        "costs": None,
        "metrics": {METRIC[task]: {"value": 0.9, "low": 0.8, "high": 1.0}},
        "confidence": 0.95,
        "key_metric": METRIC[task],
        "model": {"members": [], "calibration": "none", "left_out": {}},
        "selection": {"rows": 1, "reason": "the only one"},
        "data": {
            "name": product,
            "source": "bundled",
            "rows": {"train": 1, "valid": 1, "test": 1},
            "split": "hash",
            "features": 8,
            "protected": [],
            "protected_as_features": {},
        },
        "slices": [],
        "explanations": {"unit": "log-odds", "rows": 1, "methods": {}, "importance": []},
        "limits": [],
    }


def _stage(layout: Layout, params: Params, stage: str, product: str, work: Any) -> Verdict:
    out = layout.stage(stage, product)
    out.mkdir(parents=True, exist_ok=True)
    verdict: Verdict = work(Step(stage, product, params, layout, out))
    write_verdict(out, verdict)
    return verdict


@cache
def small_layout(folder: Path) -> Layout:
    """A checkout's folder with a ``params.yaml`` of the three small products and every lane packed; made once."""
    layout = Layout(folder)
    write_params(layout)
    for product in TASKS:
        assert pack_lane(layout, params_of(), product).passed
    return layout


def write_params(layout: Layout, **changes: Any) -> Params:
    """Write ``params.yaml`` and return it as read."""
    import yaml

    params = params_of(**changes)
    layout.params.write_text(yaml.safe_dump(params.model_dump(mode="json")), encoding="utf-8")
    return params


def bundle_of(layout: Layout, product: str) -> Path:
    """Where :func:`pack_lane` leaves the bundle."""
    return layout.stage("package", product) / "bundle"


def offline(bundle: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    """Scores without the service."""
    from pipelines.features.values import rows_to_columns

    predictor = Predictor.load(bundle, derive_for)
    return predictor.predict(rows_to_columns(rows, predictor.fields))
