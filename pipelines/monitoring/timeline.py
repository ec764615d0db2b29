"""The picture of a product's quality window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.monitoring.plots import INK, MOVED, STILL, new_figure, quiet, save
from pipelines.records.alarms import Window

MOST_WINDOWS = 60
BLUE = "#1d4ed8"


def plot_timeline(path: Path, metric: str, windows: Sequence[Window], labels: Mapping[str, str]) -> bool:
    """Estimated and measured values of the key metric over the windows of one version, oldest first.

    Args:
        windows: any order; those that say nothing of the metric are left out.
        labels: ``estimated``, ``measured`` and ``proved``.

    Returns:
        Whether there were two points to draw.
    """
    shown = sorted(windows, key=lambda window: window.until)[-MOST_WINDOWS:]
    estimated = [(window, one) for window in shown if (one := _estimated(window, metric)) is not None]
    measured = [(window, one) for window in shown if (one := window.numbers.get("measured"))]
    if len(estimated) < 2 and len(measured) < 2:
        return False
    figure = new_figure(2.5)
    axes = figure.add_subplot()
    line: dict[str, Any] = {"ms": 3.5, "lw": 1.4}
    if estimated:
        values = [one["window"] for _, one in estimated]
        axes.plot([_time(one) for one, _ in estimated], values, "o-", color=MOVED, label=labels["estimated"], **line)
    if measured:
        values = [one["window"] for _, one in measured]
        noise = [
            [one["window"] - one["low"] for _, one in measured],
            [one["high"] - one["window"] for _, one in measured],
        ]
        places = [_time(one) for one, _ in measured]
        line |= {"fmt": "s-", "elinewidth": 0.8, "color": BLUE}
        axes.errorbar(places, values, yerr=noise, label=labels["measured"], **line)
    proved = (measured or estimated)[-1][1]["reference"]
    axes.axhline(proved, color=STILL, lw=1, ls=(0, (4, 3)), label=labels["proved"])
    axes.set_ylabel(metric, fontsize=8, color=INK)
    quiet(axes)
    figure.autofmt_xdate(rotation=0, ha="center")
    axes.xaxis.set_major_formatter(_dates(axes))
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    save(figure, path)
    return True


def _estimated(window: Window, metric: str) -> dict[str, Any] | None:
    return next((one for one in window.numbers.get("estimates", []) if one["name"] == metric), None)


def _time(window: Window) -> datetime:
    return datetime.fromisoformat(window.until).replace(tzinfo=None)


def _dates(axes: Any) -> Any:
    from matplotlib.dates import ConciseDateFormatter

    return ConciseDateFormatter(axes.xaxis.get_major_locator())
