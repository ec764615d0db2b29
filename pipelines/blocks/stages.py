"""How the stages of ``dvc.yaml`` treat a product."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.blocks.base import Block, Share
from pipelines.blocks.weak import SelfTraining, Weak


class Validate(Block):
    """The data contract."""

    suite: str = Field(description="expectations/<suite>.json")
    quarantine_limit: Share = Field(default=0.02, description="share of rows; more in quarantine blocks the lane")
    min_rows: int = Field(default=500, ge=1, description="rows; fewer accepted rows block the lane")


class Review(Block):
    """What people are asked, and how their answers become one label."""

    per_night: int = Field(default=50, ge=0, description="rows that a night's models may have in the queue; 0: none")
    annotators: int = Field(default=1, ge=1, le=20, description="people who answer each row; a tie asks for one more")
    reconcile: Literal["majority", "dawid_skene"] = Field(
        default="majority", description="dawid_skene: answers count by how good each annotator is estimated to be"
    )


class Label(Block):
    """Where labels come from and how far to trust them."""

    outcome_window_days: int | None = Field(default=None, ge=0, description="younger rows have no label yet, days")
    conflicts: Literal["drop", "keep"] = Field(default="drop", description="same features, different labels")
    noise_folds: int = Field(default=5, ge=2, le=20, description="folds of the out-of-fold label-noise estimate")
    max_noise: Share = Field(default=0.5, description="estimated share of wrong labels that blocks the lane")
    feedback: bool = Field(default=True, description="whether outcomes that clients told enter the next snapshot")
    review: Review = Review()
    unlabelled: Literal["refused", "allowed"] = Field(
        default="refused", description="allowed: the suite may ask for a label, a row without one passes all the same"
    )
    weak: Weak | None = Field(default=None, description="labelling functions for rows without label")
    self_training: SelfTraining | None = Field(
        default=None, description="text: the linear model's own sure answers as labels"
    )
    open: str | None = Field(default=None, description="forecast: column that is 0 where a series was closed")
    censored: str | None = Field(default=None, description="forecast: column that is 1 where stock ran out")
    max_gaps: Share = Field(
        default=0.5, description="forecast: share of steps without a row between a series' first and last; more blocks"
    )

    @property
    def partly(self) -> bool:
        """Whether rows may arrive without a label."""
        return self.unlabelled == "allowed" or self.weak is not None or self.self_training is not None


class Split(Block):
    """Which side of the split a row is on; it never changes while data grows."""

    by: Literal["hash", "time", "position", "group", "official"] = Field(
        default="hash",
        description="position: the last rows are the test side, for rows in order of time without a date",
    )
    salt: str = Field(default="nightshift", description="changes every row's side: only on purpose")
    test_share: Share = 0.2
    valid_share: Share = 0.16
    column: str | None = Field(default=None, description="official: the column with train/valid/test")


class Forecast(Block):
    """How far ahead is forecast, and what is learned from. Steps are of ``frequency``."""

    frequency: Literal["hour", "day", "month"] = "day"
    horizon: int = Field(ge=1, le=400, description="steps ahead; the last ones are the test side, those before valid")
    scale: Literal["log", "ratio"] = Field(
        default="log", description="log: relative errors count; ratio: zeros are ordinary, means are right"
    )
    origins: int = Field(default=24, ge=1, description="rolling origins that are learned from, latest first")
    stride: int = Field(default=14, ge=1, description="steps from one origin to the one before")
    max_rows: int = Field(
        default=400_000, ge=100, description="sampled (series, origin, step) rows that are learned from"
    )
    quantiles: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = Field(
        default=(0.05, 0.25, 0.5, 0.75, 0.95), min_length=2, description="levels answered, ascending"
    )


class Prepare(Block):
    """From labelled rows to features with a fixed schema."""

    split: Split = Split()
    balance: Literal["none", "weights", "undersample"] = "none"
    leakage_auc: Share = Field(default=0.98, description="one feature alone with a higher ROC AUC is a leak suspect")
    known_before: dict[str, str] = Field(
        default_factory=dict,
        description="feature that outdoes all others together -> how it is known before the outcome",
    )
    half_life: int | None = Field(
        default=None, ge=1, description="rows after which a train row counts half, counted back from the newest one"
    )
    min_arm_rows: int = Field(default=200, ge=1, description="uplift: rows that every arm must have")
    max_imbalance: float = Field(
        default=0.1,
        gt=0,
        description="uplift: largest standardised mean difference of a feature between an arm and control",
    )
    max_arm_auc: Annotated[float, Field(gt=0.5, le=1.0)] = Field(
        default=0.55, description="uplift: how well a classifier may tell an arm from the control, ROC AUC"
    )
    max_overlap: Share = Field(default=0.0, description="share of test rows that equal a train row")
    max_categories: int = Field(default=200, ge=2, description="rarer categories become 'other'")
    near_duplicate: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.9, description="text: two texts are near-duplicates from this share of common letter 5-grams on"
    )
    max_characters: int = Field(default=20_000, ge=50, description="text: longest text that the service takes")
    forecast: Forecast | None = Field(default=None, description="problem forecast: horizon, rhythm, rolling origins")


class Campaign(Block):
    """Uplift: what an outcome is worth and what a contact costs, in one unit."""

    value: float = Field(default=1.0, gt=0, description="of one outcome")
    costs: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="arm -> cost of one contact; an arm that is not named costs nothing"
    )


class Selective(Block):
    """Answers that are given only where the model is sure enough."""

    max_risk: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="largest share of errors among the answered, upper bound on the valid rows"
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = Field(default=0.9, description="of that bound")


class Behaviour(Block):
    """Text: behavioural tests of the chosen model (docs/text.md)."""

    limits: dict[Literal["typos", "case", "names", "courtesy", "direction", "minimum"], Share] = Field(
        default_factory=dict, description="test -> least share of cases that must pass; others are told, not judged"
    )
    minimum: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="class -> texts that are plainly of it"
    )


class Evaluate(Block):
    """How a model is judged."""

    metric: str = Field(description="key metric: chooses the model and heads the scoreboard")
    resamples: int = Field(default=1000, ge=100, description="bootstrap resamples")
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    calibration: Literal["auto", "none", "platt", "isotonic"] = "auto"
    ensemble: bool = True
    selective: Selective | None = Field(default=None, description="text: when to answer 'not sure'; none: never")
    slices: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="column -> bin edges; empty: one slice per value"
    )
    behaviour: Behaviour | None = Field(default=None, description="text: behavioural tests; none: none are run")
    campaign: Campaign = Campaign()
    sent_good: Share = Field(
        default=0.9, description="reply: share of the replies sent without a person that must be good, beyond noise"
    )


class Export(Block):
    """The numerical-parity gate."""

    max_difference: float = Field(default=1e-4, gt=0, description="largest difference of a probability")
    rows: int = Field(default=2000, ge=10, description="test rows compared")
    int8: bool = Field(default=False, description="also try int8 weights for the nets")
    cases: int = Field(default=5000, ge=0, description="text: train cases packed as evidence; 0: none leave the house")
    scope: Annotated[float, Field(gt=0.0, lt=0.5)] | None = Field(
        default=None, description="text: share of the valid texts that would be called out of scope; none: nothing is"
    )
