"""How the stages of ``dvc.yaml`` treat a product."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.blocks.base import Block, Share


class Validate(Block):
    """The data contract."""

    suite: str = Field(description="expectations/<suite>.json")
    quarantine_limit: Share = Field(default=0.02, description="share of rows; more in quarantine blocks the lane")
    min_rows: int = Field(default=500, ge=1, description="rows; fewer accepted rows block the lane")


class Label(Block):
    """Where labels come from and how far to trust them."""

    outcome_window_days: int | None = Field(default=None, ge=0, description="younger rows have no label yet, days")
    conflicts: Literal["drop", "keep"] = Field(default="drop", description="same features, different labels")
    noise_folds: int = Field(default=5, ge=2, le=20, description="folds of the out-of-fold label-noise estimate")
    max_noise: Share = Field(default=0.5, description="estimated share of wrong labels that blocks the lane")


class Split(Block):
    """Which side of the split a row is on; it never changes while data grows."""

    by: Literal["hash", "time", "group", "official"] = "hash"
    salt: str = Field(default="nightshift", description="changes every row's side: only on purpose")
    test_share: Share = 0.2
    valid_share: Share = 0.16
    column: str | None = Field(default=None, description="official: the column with train/valid/test")


class Prepare(Block):
    """From labelled rows to features with a fixed schema."""

    split: Split = Split()
    balance: Literal["none", "weights", "undersample"] = "none"
    leakage_auc: Share = Field(default=0.98, description="one feature alone with a higher ROC AUC is a leak suspect")
    max_overlap: Share = Field(default=0.0, description="share of test rows that equal a train row")
    max_categories: int = Field(default=200, ge=2, description="rarer categories become 'other'")


class Evaluate(Block):
    """How a model is judged."""

    metric: str = Field(description="key metric: chooses the model and heads the scoreboard")
    resamples: int = Field(default=1000, ge=100, description="bootstrap resamples")
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    calibration: Literal["auto", "none", "platt", "isotonic"] = "auto"
    ensemble: bool = True
    slices: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="column -> bin edges; empty: one slice per value"
    )


class Export(Block):
    """The numerical-parity gate."""

    max_difference: float = Field(default=1e-4, gt=0, description="largest difference of a probability")
    rows: int = Field(default=2000, ge=10, description="test rows compared")
    int8: bool = Field(default=False, description="also try int8 weights for the nets")
