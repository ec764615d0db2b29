"""What happens outside DVC: release, watch, night, mail, service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.blocks.base import Block, Share


class Release(Block):
    """When a packaged model may take over."""

    promote: Literal["automatic", "approval"] = "automatic"
    margin: float = Field(default=0.005, ge=0, description="non-inferiority margin on the key metric")
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


class Night(Block):
    """The nightly run."""

    schedule: str = Field(default="0 2 * * *", description="cron, UTC")
    stage_timeout_minutes: int = Field(default=120, ge=1)
    retries: int = Field(default=2, ge=0, description="for transient errors only")
    retry_delay_seconds: int = Field(default=30, ge=0)
    first_as_of: str = Field(
        default="2026-06-30", pattern=r"^\d{4}-\d{2}-\d{2}$", description="day of the first snapshot of a fresh clone"
    )


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
