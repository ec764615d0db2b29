"""A small text product with wrong and missing labels, from a CSV file through the real stages, and its review queue."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from text_lanes import rows

from pipelines.config import Params, load_params
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshot
from pipelines.records import review_answers
from pipelines.records.review import Item
from pipelines.records.review_answers import Answer
from pipelines.records.store import Records, now
from pipelines.runtime import run_stage

PRODUCT = "notes"
LINEAR = {"words": 1, "shortest": 3, "longest": 4, "most": 8000}


def make_world(
    folder: Path, frame: pd.DataFrame, review: dict[str, Any] | None = None, **columns: Any
) -> tuple[Layout, Params]:
    """``params.yaml``, suite and source of a text product with the columns id, text and area."""
    block = {
        "title": "Notes <i>of a ward</i>", "data": "own", "problem": "text",
        "requirements": {
            "users": "testers", "decision": "which ward", "floors": {"accuracy": 0.3}, "latency_p99_ms": 500,
            "bundle_size_mb": 32, "service_memory_mb": 2048, "retention_days": 30,
        },
        "source": {"kind": "file", "path": "data/*.csv"},
        "columns": {"id": "id", "target": "area", "task": "multiclass", "text": "text", **columns},
        "validation": {"suite": PRODUCT, "min_rows": 50},
        "label": {"noise_folds": 3, "review": {"per_night": 20, **(review or {})}},
        "prepare": {"split": {"by": "hash", "salt": "t", "test_share": 0.25, "valid_share": 0.2}},
        "evaluate": {"metric": "accuracy", "resamples": 100},
    }  # fmt: skip
    candidate = {"product": PRODUCT, "problem": "text", "model": "linear", "family": "linear_text", "use": "always"}
    content = {
        "profile": {"threads": 1},
        "products": {PRODUCT: block},
        "candidates": {f"{PRODUCT}-linear": {**candidate, "params": LINEAR}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "expectations").mkdir(exist_ok=True)
    suite = {"name": PRODUCT, "meta": {"derived": []}, "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}}]}  # fmt: skip
    (folder / "expectations" / f"{PRODUCT}.json").write_text(json.dumps(suite), encoding="utf-8")
    write_source(folder, frame)
    layout = Layout(folder)
    return layout, load_params(layout.params)


def write_source(folder: Path, frame: pd.DataFrame) -> None:
    (folder / "data").mkdir(exist_ok=True)
    frame.to_csv(folder / "data" / "rows.csv", index=False)


def true_rows(count: int = 400) -> pd.DataFrame:
    """Simulated notes with the right labels: id, text, area."""
    return rows(count)[["id", "text", "area"]].drop_duplicates("text").reset_index(drop=True)


def today() -> date:
    return datetime.now(UTC).date()


def night(layout: Layout, params: Params, last: str = "package", as_of: date | None = None) -> None:
    """The lane's stages as a night runs them, up to one of them."""
    take_snapshot(layout, params, PRODUCT, as_of or today())
    for stage in ("fetch", "validate", "label", "prepare", "train", "evaluate", "export", "package"):
        verdict = run_stage(layout, stage, f"{PRODUCT}-linear" if stage == "train" else PRODUCT)
        assert verdict.passed, verdict.line()
        if stage == last:
            return


def say(records: Records, item: Item, label: Any, who: str = "ann", sureness: int | None = 3, once: str = "") -> Item:
    """One answer, as the page keeps it."""
    name = once or f"{who}-{item.id}-{label}-{now()}"[:64]
    return review_answers.answer(records, Answer(item.id, who, "answer", label, sureness, "", now(), name))
