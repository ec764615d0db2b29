"""Which text candidates are trained: the written rule (docs/text.md), from problem, data size and profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.blocks.models import Candidate, Profile

ENCODER_MIN_ROWS = 2_500  # train rows
CPU_TOKENS = 1_500_000  # tokens that pass through the encoder, one of MiniLM's size, forth; back counts twice
LETTERS_PER_TOKEN = 4.0


@dataclass(frozen=True)
class Choice:
    """Whether a candidate is trained, and why."""

    train: bool
    reason: str


def decide(candidate: Candidate, profile: Profile, rows: int, letters: float, params: Mapping[str, Any]) -> Choice:
    """Apply the rule.

    Args:
        candidate: its ``use`` of ``always`` or ``never`` overrides the rule.
        profile: device.
        rows: train rows.
        letters: mean length of a text, characters.
        params: the candidate's hyper-parameters over the family's defaults.
    """
    if candidate.use != "auto":
        return Choice(candidate.use == "always", f"use: {candidate.use} in params.yaml")
    if candidate.family == "linear_text":
        return Choice(True, "a linear model is trained on every text product")
    if rows < ENCODER_MIN_ROWS:
        return Choice(False, f"{rows} train rows; an encoder is trained from {ENCODER_MIN_ROWS} on")
    each = min(float(params["tokens"]), letters / LETTERS_PER_TOKEN + 2.0)
    times = candidate.folds + 1 if candidate.folds and params["epochs"] else 1  # a frozen one reads the texts once
    tokens = round(rows * each * (1 + 3 * params["epochs"]) * len(candidate.seeds) * times)
    tokens += round(params["pretrain_steps"] * params["batch"] * each * 3)
    if profile.device == "cpu" and tokens > CPU_TOKENS:
        return Choice(False, f"{tokens} tokens to pass; on cpu an encoder is trained up to {CPU_TOKENS}")
    return Choice(True, f"{tokens} tokens to pass on {profile.device}")
