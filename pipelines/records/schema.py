"""The tables. Times are UTC ISO 8601 texts with milliseconds; JSON columns hold objects."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from pipelines.records.alarm_tables import alarm_tables
from pipelines.records.review_tables import review_tables
from pipelines.records.shared_tables import shared_tables

SCHEMA_VERSION = 4

metadata = MetaData()
counter = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up by itself in INTEGER only

schema_version = Table(
    "schema_version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("product", String(48), primary_key=True),
    Column("version", String(64), primary_key=True),  # the bundle's hash
    Column("night", String(64), nullable=False),  # the night that made it first
    Column("created_at", String(32), nullable=False),
    Column("digests", JSON, nullable=False),  # {"data", "code", "params": hex}
    Column("metrics", JSON, nullable=False),  # {metric: {"value", "low", "high"}}
    Column("verdicts", JSON, nullable=False),  # {gate: verdict}, the gates outside DVC: smoke, champion
)

promotions = Table(
    "promotions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("product", String(48), nullable=False),
    Column("kind", String(16), nullable=False),  # promote | rollback
    Column("from_version", String(64)),
    Column("to_version", String(64), nullable=False),
    Column("who", String(128), nullable=False),
    Column("why", Text, nullable=False),
    Column("night", String(64)),
    Column("numbers", JSON, nullable=False),
    Column("at", String(32), nullable=False),
    ForeignKeyConstraint(["product", "to_version"], ["versions.product", "versions.version"]),
    Index("promotions_by_product", "product", "id"),
)

champions = Table(
    "champions",
    metadata,
    Column("product", String(48), primary_key=True),
    Column("version", String(64), nullable=False),
    Column("promotion", Integer, ForeignKey("promotions.id"), nullable=False),
    ForeignKeyConstraint(["product", "version"], ["versions.product", "versions.version"]),
)

nights = Table(
    "nights",
    metadata,
    Column("night", String(64), primary_key=True),
    Column("started_at", String(32), nullable=False),
    Column("ended_at", String(32)),
    Column("status", String(16), nullable=False),  # running | passed | failed
)

lanes = Table(
    "lanes",
    metadata,
    Column("night", String(64), ForeignKey("nights.night", ondelete="CASCADE"), primary_key=True),
    Column("product", String(48), primary_key=True),
    Column("ended_at", String(32), nullable=False),
    Column("status", String(16), nullable=False),  # passed | blocked | failed | unchanged
    Column("message", Text, nullable=False),  # why, and what to do next; empty when passed
    Column("metric", JSON),  # {"name", "value", "low", "high"}
    Column("numbers", JSON, nullable=False),  # rows, quarantined, chosen model, gate verdicts, ...
    Column("durations", JSON, nullable=False),  # {step: seconds}
    Column("package_digest", String(64)),  # the bundle's hash; None when the lane made none
    Index("lanes_by_product", "product", "ended_at"),
)

predictions = Table(
    "predictions",
    metadata,
    Column("id", counter, primary_key=True, autoincrement=True),
    Column("request_id", String(64), nullable=False),
    Column("place", Integer, nullable=False),  # of the row in its request
    Column("product", String(48), nullable=False),
    Column("version", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("features", Text, nullable=False),  # JSON, ASCII: read back whole, never searched in
    Column("answer", Text, nullable=False),  # JSON, ASCII
    Column("client", String(64)),  # name of the API key
    Column("draw", Integer, nullable=False),  # 0 to 9999 from the request id: which old rows a sample keeps
    UniqueConstraint("request_id", "place", name="predictions_once"),
    Index("predictions_by_time", "product", "at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", counter, primary_key=True, autoincrement=True),
    Column("request_id", String(64), nullable=False),
    Column("place", Integer, nullable=False),
    Column("product", String(48), nullable=False),
    Column("outcome", Text, nullable=False),  # JSON, ASCII
    Column("outcome_digest", String(64), nullable=False),  # SHA-256 of the above: a long text fits no index
    Column("at", String(32), nullable=False),
    Column("client", String(64)),
    UniqueConstraint("request_id", "place", "outcome_digest", name="feedback_once"),
    Index("feedback_by_time", "product", "at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the key, hex
    Column("scopes", JSON, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("revoked_at", String(32)),
)

watch_windows, alarms, retrains = alarm_tables(metadata)
lock_entries, night_notes, shared_paths, turns, night_days = shared_tables(metadata)
review_items, review_answers = review_tables(metadata)

ADDED: dict[int, tuple[Table, ...]] = {
    2: (predictions, feedback, api_keys, watch_windows, alarms, retrains),
    3: (review_items, review_answers),
    4: (lock_entries, night_notes, shared_paths, turns, night_days),
}
"""Tables that each version of the schema brought: what an older database lacks."""
