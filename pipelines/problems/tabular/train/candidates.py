"""Which candidates are trained: the written rule (docs/models.md), from problem, data size and profile."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.blocks.models import Candidate, Profile

NET_MIN_ROWS = 1_000  # train rows
NET_MAX_CELLS_CPU = 20_000_000  # train rows times features


@dataclass(frozen=True)
class Choice:
    """Whether a candidate is trained, and why."""

    train: bool
    reason: str


def decide(candidate: Candidate, profile: Profile, rows: int, features: int) -> Choice:
    """Apply the rule.

    Args:
        candidate: its ``use`` of ``always`` or ``never`` overrides the rule.
        profile: device.
        rows: train rows.
        features: numeric and categorical features.
    """
    if candidate.use != "auto":
        return Choice(candidate.use == "always", f"use: {candidate.use} in params.yaml")
    if candidate.family == "lightgbm":
        return Choice(True, "trees are trained on every table")
    if rows < NET_MIN_ROWS:
        return Choice(False, f"{rows} train rows; a net is trained from {NET_MIN_ROWS} on")
    cells = rows * features
    if profile.device == "cpu" and cells > NET_MAX_CELLS_CPU:
        return Choice(
            False, f"{rows} train rows x {features} features; on cpu a net is trained up to {NET_MAX_CELLS_CPU} cells"
        )
    return Choice(True, f"{rows} train rows x {features} features on {profile.device}")
