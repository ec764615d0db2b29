"""The state of every product, as the page shows it; read from records and files, nothing heavy is imported."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.config import Params, load_params
from pipelines.layout import Layout
from pipelines.night.status import age
from pipelines.records.scoreboard import Lane
from pipelines.records.store import Records

NIGHTS = 30  # shown in a product's curve


@dataclass(frozen=True)
class ProductState:
    """One product.

    Attributes:
        name, title, data, problem: from params.yaml.
        champion: the version that answers, or None.
        promoted: how long ago it was promoted, and by whom.
        lane: its last lane, or None.
        curve: ``(night, key metric)`` of its last nights, the oldest first; nights without a metric left out.
        drift: ``(day, status)`` of the last window, or None.
        mail: kind and age of its last mail, or None.
        waiting: its mails that wait in the outbox.
        reports: ``(title, path below the nights' folder)`` of its last night.
    """

    name: str
    title: str
    data: str
    problem: str
    champion: str | None
    promoted: str
    lane: Lane | None
    curve: tuple[tuple[str, float], ...]
    drift: tuple[str, str] | None
    mail: str | None
    waiting: int
    reports: tuple[tuple[str, str], ...]


def gather(layout: Layout, now: datetime | None = None) -> list[ProductState]:
    """All products of params.yaml, in its order.

    Raises:
        ConfigError: params.yaml cannot be read.
        RecordsError: the records cannot be read.
    """
    from pipelines.records.registry import all_champions
    from pipelines.records.store import open_records

    params = load_params(layout.params)
    now = now or datetime.now(UTC)
    records = open_records(layout.records_url)
    try:
        champions = all_champions(records)
        sent = mails_by_product(layout.outbox / "sent", params.products)
        waiting = mails_by_product(layout.outbox, params.products)
        return [
            _product(layout, params, records, name, champions.get(name), sent[name], waiting[name], now)
            for name in params.products
        ]
    finally:
        records.close()


def _product(
    layout: Layout,
    params: Params,
    records: Records,
    name: str,
    champion: str | None,
    sent: list[Path],
    waiting: list[Path],
    now: datetime,
) -> ProductState:
    from pipelines.records.registry import history
    from pipelines.records.scoreboard import lanes_of

    block, steps = params.products[name], history(records, name)
    lanes = lanes_of(records, name, NIGHTS)
    step = next((one for one in steps if one.to_version == champion), None)
    values = [(lane.night, (lane.metric or {}).get("value")) for lane in reversed(lanes)]
    return ProductState(
        name=name,
        title=block.title,
        data=block.data,
        problem=block.problem,
        champion=champion,
        promoted=f"{age(step.at, now)} by {step.who}" if step else "-",
        lane=lanes[0] if lanes else None,
        curve=tuple((night, float(value)) for night, value in values if isinstance(value, int | float)),
        drift=_drift(layout, name),
        mail=_newest([*sent, *waiting], now),
        waiting=len(waiting),
        reports=_reports(layout, lanes[0]) if lanes else (),
    )


def mails_by_product(folder: Path, products: Collection[str]) -> dict[str, list[Path]]:
    """The mails of each product, by file name ``<night>_<product>_<kind>.eml``; of two that fit the longer name."""
    found: dict[str, list[Path]] = {name: [] for name in products}
    for path in sorted(folder.glob("*.eml")) if folder.is_dir() else []:
        stem = path.stem.rpartition("_")[0]
        fitting = [name for name in products if stem.endswith(f"_{name}")]
        if fitting:
            found[max(fitting, key=len)].append(path)
    return found


def _newest(mails: list[Path], now: datetime) -> str | None:
    """Kind and age of the newest mail."""
    if not mails:
        return None
    path = max(mails, key=lambda one: one.stat().st_mtime)
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return f"{path.stem.rpartition('_')[2]}, {age(at.isoformat(), now)}"


def _drift(layout: Layout, product: str) -> tuple[str, str] | None:
    path = layout.state / "watch" / product / "windows.json"
    try:
        windows: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["windows"]
    except (OSError, ValueError, KeyError):
        return None
    day = max(windows, default=None)
    return (day, str(windows[day]["status"])) if day else None


TITLES = {"data-contract.html": "data contract", "report.html": "drift report", "model-card.md": "model card"}


def _reports(layout: Layout, lane: Lane) -> tuple[tuple[str, str], ...]:
    found = []
    for text in lane.numbers.get("reports", []):
        path = layout.root / str(text)
        if path.is_file() and path.is_relative_to(layout.nights) and path.name in TITLES:
            found.append((TITLES[path.name], path.relative_to(layout.nights).as_posix()))
    return tuple(found)
