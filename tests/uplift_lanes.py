"""Small uplift lanes for tests: the stages' own code on the simulator's rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from pipelines.config import Params, parse_params
from pipelines.files import write_parquet
from pipelines.layout import Layout
from pipelines.problems import stage_of
from pipelines.sources.simulators import uplift
from pipelines.step import Step
from pipelines.verdicts import Verdict, write_verdict

PRODUCT = "mail"
QUICK = {"iterations": 80, "patience": 15, "learning_rate": 0.1}


def params_of(
    columns: Mapping[str, Any] | None = None,
    requirements: Mapping[str, Any] | None = None,
    prepare: Mapping[str, Any] | None = None,
    learners: tuple[str, ...] = ("t",),
    **evaluate: Any,
) -> Params:
    """One product on the simulator's columns."""
    block = {
        "title": "Mail (test)",
        "data": "own",
        "problem": "uplift",
        "requirements": {
            "users": "testers", "decision": "who gets which mail", "latency_p99_ms": 100, "bundle_size_mb": 16,
            "service_memory_mb": 1024, "retention_days": 30, **(requirements or {}),
        },
        "source": {"kind": "simulator", "name": "uplift"},
        "columns": {
            "id": "id", "target": "visit", "task": "binary", "positive": 1, "treatment": "arm", "control": "none",
            "treated_at": "mailed_on", "outcome_at": "visited_on",
            "numeric": ["recency", "history", "mens", "womens", "newbie"], "categorical": ["area", "channel"],
            **(columns or {}),
        },
        "validation": {"suite": "none"},
        "prepare": {"min_arm_rows": 100, **(prepare or {})},
        "evaluate": {
            "metric": "policy_value", "resamples": 100,
            "campaign": {"value": 1.0, "costs": {"mens_mail": 0.02, "womens_mail": 0.02}},
            "slices": {"area": []}, **evaluate,
        },
    }  # fmt: skip
    candidates = {
        f"{PRODUCT}-{learner}": {
            "product": PRODUCT, "problem": "uplift", "model": learner, "family": "uplift_trees", "folds": 2,
            "params": {**QUICK, "learner": learner},
        }
        for learner in learners
    }  # fmt: skip
    return parse_params({"profile": {"threads": 1}, "products": {PRODUCT: block}, "candidates": candidates})


def rows(count: int = 6000, seed: int = 7) -> pd.DataFrame:
    """Faultless customers of the simulator."""
    frame = uplift.history(seed, date(2026, 1, 1), date(2026, 1, 1), count, 0)
    return frame[(frame["recency"] < 50) & frame["channel"].notna()].reset_index(drop=True)


def run(layout: Layout, params: Params, stage: str, model: str | None = None) -> Verdict:
    """One stage as the runtime runs it, without its locks."""
    out = layout.stage(stage, PRODUCT, model)
    for part in ("result", "plots") if stage == "evaluate" else (".",):
        (out / part).mkdir(parents=True, exist_ok=True)
    candidate = params.candidates_of(PRODUCT)[model] if model else None
    verdict = stage_of("uplift", stage)(Step(stage, PRODUCT, params, layout, out, candidate=candidate), None)
    write_verdict(out / "result" if stage == "evaluate" else out, verdict)
    return verdict


def give(layout: Layout, frame: pd.DataFrame) -> None:
    """What the validate stage would have left."""
    write_parquet(layout.stage("validate", PRODUCT) / "rows.parquet", frame)


def until(layout: Layout, params: Params, frame: pd.DataFrame, last: str) -> Verdict:
    """Every stage up to ``last``; each must pass, but for the last, whose verdict is returned."""
    give(layout, frame)
    order = ("label", "prepare", "train", "evaluate", "export", "package")
    verdict: Verdict | None = None
    for stage in order[: order.index(last) + 1]:
        assert verdict is None or verdict.passed, verdict
        for model in params.candidates_of(PRODUCT) if stage == "train" else (None,):
            verdict = run(layout, params, stage, model)
    assert verdict is not None
    return verdict
