"""``nightshift status``: champions and last lanes, open alarms, rows for review, reports, what is running."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.night.run import runner_lock
from pipelines.night.scoreboard import MARKS, metric_text, table
from pipelines.night.up import running_address
from pipelines.process import is_held

if TYPE_CHECKING:
    from pipelines.records.alarms import Alarm
    from pipelines.records.store import Records

HEAD = ("product", "data", "champion", "promoted", "last night", "result", "key metric [interval]")


def status_text(layout: Layout, now: datetime | None = None) -> str:
    """The state of the checkout as text.

    Raises:
        RecordsError: the records cannot be read.
    """
    from pipelines.records.alarms import open_alarms
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
        alarms = [_alarm_line(alarm, now) for alarm in open_alarms(records)]
        review = _review_lines(records)
    finally:
        records.close()
    parts = [table(HEAD, rows)]
    listed = {"Not passed:": messages, "Open alarms:": alarms, "Waiting for review:": review, "Reports:": reports}
    for title, lines in listed.items():
        if lines:
            parts.append("\n".join([title, *(f"  {line}" for line in lines)]))
    parts.append(_running(layout))
    return "\n\n".join(parts)


def _alarm_line(alarm: Alarm, now: datetime) -> str:
    """``product: cause, since 3 h ago, 4 windows, effect 0.4 (limit 0.3)``; a silent one says so."""
    words = [f"{alarm.cause}, since {age(alarm.first_seen, now)}, {alarm.windows} windows"]
    effect, limit = alarm.numbers.get("effect"), alarm.numbers.get("limit")
    if effect is not None:
        words.append(f"effect {effect:.3g}" + (f" (limit {limit:.3g})" if limit is not None else ""))
    if alarm.mail is None:
        words.append("not mailed: told within the cooldown")
    return f"{alarm.product}: {', '.join(words)}"


def _review_lines(records: Records) -> list[str]:
    from pipelines.records.review import counts

    waiting = {product: states.get("open", 0) for product, states in sorted(counts(records).items())}
    return [f"{name}: {count} rows; `nightshift review {name}`" for name, count in waiting.items() if count]


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
