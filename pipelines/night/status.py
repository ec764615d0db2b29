"""``nightshift status``: each product's champion and last lane, where the reports are, and what is running."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.night.run import runner_lock
from pipelines.night.scoreboard import MARKS, metric_text, table
from pipelines.night.up import running_address
from pipelines.process import is_held

HEAD = ("product", "data", "champion", "promoted", "last night", "result", "key metric [interval]")


def status_text(layout: Layout, now: datetime | None = None) -> str:
    """The state of the checkout as text.

    Raises:
        RecordsError: the records cannot be read.
    """
    from pipelines.records.registry import all_champions, history
    from pipelines.records.scoreboard import last_lane
    from pipelines.records.store import open_records

    params = load_params(layout.params)
    now = now or datetime.now(UTC)
    rows, messages, reports = [], [], []
    records = open_records(layout.records_url)
    try:
        champions = all_champions(records)
        for name, product in params.products.items():
            version, lane = champions.get(name), last_lane(records, name)
            promoted = next((step.at for step in history(records, name) if step.to_version == version), None)
            rows.append(
                (
                    name,
                    product.data,
                    version[:12] if version else "-",
                    age(promoted, now) if version else "-",
                    lane.night if lane else "-",
                    MARKS[lane.status] if lane else "never run",
                    metric_text(lane.metric) if lane else "-",
                )
            )
            if lane and lane.message:
                messages.append(f"{name}: {lane.message}")
            if lane:
                reports += [f"{name}: {path}" for path in lane.numbers.get("reports", [])]
    finally:
        records.close()
    parts = [table(HEAD, rows)]
    for title, lines in (("Not passed:", messages), ("Reports:", reports)):
        if lines:
            parts.append("\n".join([title, *(f"  {line}" for line in lines)]))
    parts.append(_running(layout))
    return "\n\n".join(parts)


def age(since: str | None, now: datetime) -> str:
    """How long ago a UTC ISO time was: ``3 d``, ``5 h``, ``12 min``."""
    if since is None:
        return "-"
    minutes = int((now - datetime.fromisoformat(since)).total_seconds() // 60)
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} d ago"
    return f"{minutes // 60} h ago" if minutes >= 120 else f"{max(minutes, 0)} min ago"


def _running(layout: Layout) -> str:
    address = running_address(layout)
    if address:
        return f"Airflow is up at {address}"
    if is_held(runner_lock(layout)):
        return "a night is running"
    return "nothing is running; `make nightly` runs a night, `make up` starts the UI"
