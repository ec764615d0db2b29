"""What the watch said before, window by window: how long an alarm has lasted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.files import read_json, write_json
from pipelines.layout import Layout
from pipelines.monitoring.verdict import DriftVerdict
from pipelines.process import exclusive

KEPT_WINDOWS = 400


@dataclass(frozen=True)
class Lasting:
    """An alarm's first day and how many windows in a row it has lasted, this one included."""

    since: date
    windows: int


def note_window(layout: Layout, verdict: DriftVerdict, day: date) -> Lasting | None:
    """Note this window (the same day again replaces it) and say how long its alarm has lasted, if it is one."""
    path = _path(layout, verdict.product)
    with exclusive(layout.locks / f"watch-{verdict.product}.lock", "noting a window", wait_seconds=30):
        windows = {**_read(path), day.isoformat(): _entry(verdict)}
        kept = dict(sorted(windows.items())[-KEPT_WINDOWS:])
        write_json(path, {"windows": kept})
    return lasting(kept, day)


def lasting(windows: dict[str, dict[str, Any]], day: date) -> Lasting | None:
    """How long the alarm of ``day`` has lasted: the unbroken run of alarms of one version that ends there."""
    run: list[str] = []
    for name in sorted((name for name in windows if name <= day.isoformat()), reverse=True):
        entry = windows[name]
        if entry["status"] != "alarm" or (run and entry["version"] != windows[run[0]]["version"]):
            break
        run.append(name)
    return Lasting(date.fromisoformat(run[-1]), len(run)) if run and run[0] == day.isoformat() else None


def _entry(verdict: DriftVerdict) -> dict[str, Any]:
    return {
        "status": verdict.status,
        "version": verdict.version,
        "rows": verdict.window_rows,
        "share": round(verdict.drifted_share, 6),
        "columns": [column.name for column in verdict.drifted],
    }


def _path(layout: Layout, product: str) -> Path:
    return layout.state / "watch" / product / "windows.json"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = read_json(path)["windows"] if path.is_file() else {}
    return content
