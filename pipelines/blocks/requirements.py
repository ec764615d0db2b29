"""What a product must achieve."""

from __future__ import annotations

from pydantic import Field

from pipelines.blocks.base import Block, Share


class Costs(Block):
    """What a wrong decision costs, in one currency unit per case."""

    false_positive: float = Field(gt=0, description="cost of acting on a case that was fine")
    false_negative: float = Field(gt=0, description="cost of missing a case")


class Fairness(Block):
    """Limits on the gap between the best and the worst group of a protected column."""

    max_recall_gap: Share | None = Field(default=None, description="largest gap in recall (equal opportunity)")
    max_selection_gap: Share | None = Field(default=None, description="largest gap in the share of cases acted on")
    min_group_rows: int = Field(default=200, ge=1, description="smaller groups are shown, not judged")


class Requirements(Block):
    """What the product must achieve. The gates read it; the model card answers it point by point."""

    users: str = Field(description="who uses the answer")
    decision: str = Field(description="the decision that the answer serves")
    floors: dict[str, float] = Field(default_factory=dict, description="metric -> lowest value allowed")
    ceilings: dict[str, float] = Field(default_factory=dict, description="metric -> highest value allowed")
    costs: Costs | None = None
    latency_p99_ms: float = Field(gt=0, description="one row, 99th percentile, milliseconds")
    bundle_size_mb: float = Field(gt=0, description="packaged model on disk, MiB")
    service_memory_mb: float = Field(gt=0, description="one service worker with this product, MiB resident")
    protected: tuple[str, ...] = Field(default=(), description="columns kept for slices, never features")
    protected_as_features: dict[str, str] = Field(
        default_factory=dict, description="protected column -> the reason why it may be a feature all the same"
    )
    fairness: Fairness = Fairness()
    retention_days: int = Field(gt=0, description="how long logged predictions are kept, days")
