"""A small forecast lane for tests: simulated items, real stages, a few seconds."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import Params, parse_params
from pipelines.files import write_parquet
from pipelines.layout import Layout
from pipelines.problems import stage_of
from pipelines.sources.simulators import demand
from pipelines.step import Step
from pipelines.verdicts import Verdict, write_verdict

NAME = "shop"
HORIZON = 14
LAST = date(2026, 3, 31)


@cache
def _simulated() -> pd.DataFrame:
    rows = demand.history(7, date(2026, 1, 1), LAST, demand.SERIES * 420, demand.SERIES)
    rows = rows[rows["series"] < "item_12"].drop_duplicates(["series", "date"])
    return rows[rows["sales"] >= 0].reset_index(drop=True)


def accepted_rows() -> pd.DataFrame:
    """Twelve items over 17 months, as validate would accept them."""
    return _simulated().copy()


def block(**over: Any) -> dict[str, Any]:
    """The product's block; ``over`` replaces whole parts of it."""
    return {
        "title": "shop (test)",
        "data": "own",
        "problem": "forecast",
        "requirements": {
            "users": "testers",
            "decision": "whether the test passes",
            "latency_p99_ms": 250,
            "bundle_size_mb": 16,
            "service_memory_mb": 1024,
            "retention_days": 30,
            "fairness": {"min_group_rows": 20},
        },
        "source": {"kind": "simulator", "name": "demand", "rows_per_day": demand.SERIES},
        "columns": {
            "series": "series",
            "time": "date",
            "target": "sales",
            "task": "regression",
            "numeric": ["promotion", "holiday", "price"],
            "categorical": ["category", "store"],
            "known": ["promotion", "holiday", "price"],
            "promotion": "promotion",
        },
        "validation": {"suite": "none"},
        "label": {"open": "open", "censored": "stockout"},
        "prepare": {
            "split": {"by": "time"},
            "forecast": {"horizon": HORIZON, "scale": "ratio", "origins": 8, "stride": 21, "max_rows": 4000},
        },
        "evaluate": {"metric": "wape", "resamples": 200, "slices": {"category": []}},
        "export": {"max_difference": 1e-6, "rows": 100},
        **over,
    }


def params(models: dict[str, dict[str, Any]] | None = None, **over: Any) -> Params:
    """The product with its candidates, by default the naive forecast and small trees."""
    chosen = models or {
        "naive": {"family": "statistical", "params": {"method": "seasonal_naive"}},
        "trees": {"family": "lightgbm", "params": {"iterations": 60, "num_leaves": 15, "learning_rate": 0.1}},
    }
    candidates = {
        f"{NAME}-{model}": {"product": NAME, "problem": "forecast", "model": model, **settings}
        for model, settings in chosen.items()
    }
    return parse_params({"profile": {"threads": 1}, "products": {NAME: block(**over)}, "candidates": candidates})


def stage(layout: Layout, settings: Params, name: str, **more: Any) -> Verdict:
    """One stage as the runtime runs it, without its locks."""
    candidate = more.get("candidate")
    out = layout.stage(name, NAME, candidate.model if candidate else None)
    for part in ("result", "plots") if name == "evaluate" else (".",):
        (out / part).mkdir(parents=True, exist_ok=True)
    verdict = stage_of("forecast", name)(Step(name, NAME, settings, layout, out, **more), None)
    write_verdict(out / "result" if name == "evaluate" else out, verdict)
    return verdict


def to_prepare(root: Path, settings: Params | None = None, rows: pd.DataFrame | None = None) -> Layout:
    """From accepted rows to the prepare folder."""
    layout, chosen = Layout(root), settings or params()
    write_parquet(layout.stage("validate", NAME) / "rows.parquet", accepted_rows() if rows is None else rows)
    stage(layout, chosen, "label")
    stage(layout, chosen, "prepare")
    return layout


def to_bundle(root: Path, settings: Params | None = None) -> tuple[Layout, list[Verdict]]:
    """The whole lane; verdicts of evaluate, export and package."""
    chosen = settings or params()
    layout = to_prepare(root, chosen)
    for candidate in chosen.candidates_of(NAME).values():
        stage(layout, chosen, "train", candidate=candidate)
    return layout, [stage(layout, chosen, name) for name in ("evaluate", "export", "package")]
