"""Real lanes of simulated notes for tests, from validated rows to the bundle: the stages' own code runs them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import Params, parse_params
from pipelines.files import write_parquet
from pipelines.layout import Layout
from pipelines.problems import stage_of
from pipelines.sources.simulators import text_grammar, text_notes
from pipelines.step import Step
from pipelines.verdicts import Verdict, write_verdict

SCRATCH = {
    "weights": "scratch", "layers": 1, "width": 32, "heads": 2, "vocabulary": 400, "tokens": 24, "epochs": 2,
    "learning_rate": 0.005, "head_rate": 0.02,
}  # fmt: skip


def params_for(families: dict[str, dict[str, Any]], **blocks: dict[str, Any]) -> Params:
    """One text product with these candidates; blocks go over the defaults."""
    block: dict[str, Any] = {
        "title": "notes (test)",
        "data": "own",
        "problem": "text",
        "requirements": {
            "users": "testers", "decision": "whether the test passes", "floors": {"accuracy": 0.6},
            "latency_p99_ms": 250, "bundle_size_mb": 16, "service_memory_mb": 1024, "retention_days": 30,
            "protected": ["sex"],
        },
        "source": {"kind": "simulator", "name": "text_notes"},
        "columns": {"id": "id", "target": "area", "task": "multiclass", "text": "text"},
        "validation": {"suite": "notes"},
        "label": {"noise_folds": 3},
        "prepare": {"split": {"by": "hash", "salt": "t", "test_share": 0.25, "valid_share": 0.25}},
        "evaluate": {"metric": "accuracy", "resamples": 200, "selective": {"max_risk": 0.2}},
    }  # fmt: skip
    for name, content in blocks.items():
        block[name] = {**block[name], **content} if name in block else content
    candidates = {
        f"notes-{family}": {
            "product": "notes", "problem": "text", "model": family, "family": family, "use": "always", "params": params,
        }
        for family, params in families.items()
    }  # fmt: skip
    return parse_params({"products": {"notes": block}, "candidates": candidates, "profile": {"threads": 1}})


def rows(count: int = 700) -> pd.DataFrame:
    """Simulated notes as the validate stage would pass them on."""
    day = date(2026, 1, 1)
    frame = text_grammar.history(text_notes.WORLD, 4, day, day, count, 0)
    good = frame["text"].fillna("").str.contains(r"\w") & frame["area"].isin(text_notes.WORLD.classes)
    return frame[good].drop_duplicates("id").reset_index(drop=True)


class Lane:
    """Stages of one product in a folder of their own; ``verdicts`` of :meth:`whole`."""

    verdicts: dict[str, Verdict]

    def __init__(self, root: Path, params: Params, frame: pd.DataFrame) -> None:
        self.layout, self.params = Layout(root), params
        folder = self.layout.stage("validate", "notes")
        folder.mkdir(parents=True)
        write_parquet(folder / "rows.parquet", frame)

    def run(self, stage: str, model: str | None = None) -> Verdict:
        out = self.layout.stage(stage, "notes", model)
        out.mkdir(parents=True, exist_ok=True)
        if stage == "evaluate":
            (out / "result").mkdir(exist_ok=True)
            (out / "plots").mkdir(exist_ok=True)
        candidate = self.params.candidates[f"notes-{model}"] if model else None
        verdict = stage_of("text", stage)(Step(stage, "notes", self.params, self.layout, out, candidate), None)
        write_verdict(out, verdict)
        return verdict

    def whole(self) -> dict[str, Verdict]:
        found = {stage: self.run(stage) for stage in ("label", "prepare")}
        found |= {model: self.run("train", model) for model in self.params.candidates_of("notes")}
        return found | {stage: self.run(stage) for stage in ("evaluate", "export", "package")}
