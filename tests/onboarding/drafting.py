"""A small project and data for it: for tests of drafting."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.layout import Layout
from pipelines.onboarding.door import Drafted, new_product
from pipelines.onboarding.insert import Text
from pipelines.onboarding.wish import Wish

ROOT = Path(__file__).resolve().parents[2]


@cache
def small_params() -> str:
    """The checkout's parameters with its tables of credit only."""
    text = Text((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for block in ("products", "candidates"):
        for entry in text.entries(block):
            if not entry.name.startswith("credit_risk"):
                text.cut(block, entry.name)
    return text.content()


def make_project(folder: Path) -> Layout:
    """Small parameters and the suites, nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(small_params(), encoding="utf-8")
    shutil.copytree(ROOT / "expectations", folder / "expectations")
    return Layout(folder)


def customers(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """A table with a signal, an id, a constant, an empty column, a date, prose and a leak."""
    rng = np.random.default_rng(seed)
    spent = rng.gamma(2.0, 50.0, rows).round(2)
    city = rng.choice(["Köln", "Paris", "Rom"], rows)
    score = (spent - 100) / 60 + (city == "Rom") + rng.normal(size=rows)
    churned = score > 0.3
    words = ["fast", "slow", "friendly", "late", "again", "never", "delivery", "price"]
    return pd.DataFrame(
        {
            "customer_id": np.arange(rows) + 1000,
            "spent": spent,
            "visits": rng.integers(0, 40, rows),
            "city": city,
            "country": "EU",
            "fax": [None] * rows,
            "opened": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), "D"),
            "comment": [" ".join(rng.choice(words, 9)) + f" {n}" for n in range(rows)],
            "closed_reason": np.where(churned, "left", "none"),
            "churned": np.where(churned, "yes", "no"),
        }
    )


def draft(
    layout: Layout, data: Path, target: str = "churned", product: str = "churn", **options: Any
) -> tuple[Drafted, str]:
    """The draft, written, and what was said."""
    said: list[str] = []
    drafted = new_product(layout, Wish(product=product, data=str(data), target=target, **options), said.append)
    return drafted, "\n".join(said)
