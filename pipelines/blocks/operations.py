"""What happens outside DVC: release, watch, night, mail, service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipelines.blocks.base import Block, Share


class Release(Block):
    """When a packaged model may take over."""

    promote: Literal["automatic", "approval"] = "automatic"
    approval_hours: float = Field(
        default=24.0, gt=0, description="with approval: hours until no answer means that the champion stays"
    )
    replace: Literal["better", "not_worse"] = Field(
        default="better",
        description="better: only by a gain beyond noise; not_worse: also inside the noise, for freshness' sake",
    )
    after_drift: Literal["better", "not_worse"] = Field(
        default="not_worse", description="the rule of a retraining that drift in production has asked for"
    )
    margin: float = Field(default=0.005, ge=0, description="non-inferiority margin on the key metric")
    slice_margin: float = Field(default=0.02, ge=0, description="key metric: loss in a slice that counts, beyond noise")
    slice_margins: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="'column' or 'column=group' -> a margin of its own"
    )
    calibration_margin: float = Field(
        default=0.01, ge=0, description="calibration error: growth that counts, beyond noise"
    )
    latency_growth: float = Field(default=2.0, ge=1, description="largest p50 and p99 latency, times the champion's")
    size_growth: float = Field(default=2.0, ge=1, description="largest bundle and memory, times the champion's")
    smoke_requests: int = Field(default=50, ge=1, description="golden requests sent to the started service")


class Watch(Block):
    """How production is watched."""

    day_rows: int = Field(default=500, ge=50, description="rows of one simulated production day")
    drift_limit: float = Field(default=0.1, gt=0, description="effect size per column, method's own unit")
    drift_share: Share = Field(default=0.3, description="share of drifted columns that makes the report an alarm")
    missing_limit: Share = Field(default=0.05, description="change of a column's missing share that counts")
    unseen_limit: Share = Field(default=0.01, description="share of rows in categories the reference lacks that counts")
    significance: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.01, description="largest p-value that counts, after Benjamini-Hochberg over all tests of a window"
    )
    window_rows: int = Field(default=200, ge=50, description="logged rows that a window must have before it is judged")
    window_hours: float = Field(default=24.0, gt=0, description="a window that is older closes unjudged, hours")
    alarm_windows: int = Field(default=2, ge=1, description="windows of the last alarm_of that must show a cause")
    alarm_of: int = Field(default=3, ge=1, description="last windows that are looked at")
    steady_windows: int = Field(default=2, ge=1, description="windows in a row without its cause that close an alarm")
    cooldown_hours: float = Field(default=24.0, ge=0, description="hours without a second mail about the same cause")
    volume_factor: float = Field(default=3.0, gt=1, description="times more or fewer rows an hour than usual")
    loss_margin: float = Field(default=0.02, ge=0, description="estimated or measured loss of the key metric")
    measured_rows: int = Field(default=2000, ge=100, description="newest rows with an outcome that are measured")
    retrain: bool = Field(default=True, description="whether drift that lasts starts a retraining by itself")
    retrain_windows: int = Field(default=3, ge=1, description="windows with drift that start a retraining")
    retrain_cooldown_hours: float = Field(default=24.0, ge=0, description="hours between two such retrainings")

    @model_validator(mode="after")
    def _some_of_the_last(self) -> Watch:
        if self.alarm_windows > self.alarm_of:
            raise ValueError(f"alarm_windows: {self.alarm_windows} of the last {self.alarm_of} can never be")
        return self


class Night(Block):
    """The nightly run."""

    schedule: str = Field(default="0 2 * * *", description="cron, UTC")
    watch_schedule: str = Field(default="0 * * * *", description="cron of the drift watch, UTC")
    stage_timeout_minutes: int = Field(default=120, ge=1)
    retries: int = Field(default=2, ge=0, description="for transient errors only")
    retry_delay_seconds: int = Field(default=30, ge=0)
    first_as_of: str = Field(
        default="2026-06-30", pattern=r"^\d{4}-\d{2}-\d{2}$", description="day of the first snapshot of a fresh clone"
    )
    keep_gib: float | None = Field(
        default=None, gt=0, description="GiB of state and cache above which a night removes what nothing needs"
    )
    keep_nights: int | None = Field(default=None, ge=1, description="kept nights; older ones are forgotten; null: all")


class Mail(Block):
    """Drift and failure mails. The server is Airflow's connection ``smtp_default``; without one: the outbox."""

    to: tuple[str, ...] = ("oncall@localhost",)
    sender: str = "nightshift@localhost"
    language: Literal["en", "zh"] = "en"


class Service(Block):
    """The prediction service."""

    host: str = "127.0.0.1"
    port: int = Field(default=3000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1)
    max_rows: int = Field(default=1000, ge=1, description="rows per request")
    max_body_mb: float = Field(default=8.0, gt=0, description="request body, MiB")
    max_in_flight: int = Field(
        default=256, ge=1, description="requests that one worker answers at once; beyond them: 429 with Retry-After"
    )
    keys: Literal["auto", "always"] = Field(
        default="auto", description="API keys: auto asks for none on loopback; always asks there too"
    )
    mask_fields: tuple[str, ...] = Field(default=(), description="personal fields that are left out of the log")
    log_sample_after_days: int | None = Field(
        default=None, ge=1, description="logged requests older than this are thinned to log_sample_share"
    )
    log_sample_share: Share = Field(default=0.1, description="share of old requests without feedback that is kept")
    feedback_per_night: int = Field(
        default=1000, ge=1, description="outcomes of one client and day that may enter a snapshot"
    )
