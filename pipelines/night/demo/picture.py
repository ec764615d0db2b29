"""The demo's last word: the metric over time, with what happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.monitoring.plots import FAINT, INK, MOVED, STILL, new_figure, quiet, save
from pipelines.records.alarms import Window

BLUE = "#1d4ed8"
WORDS = {"alarm": "alarm, mail", "retrain": "retraining starts", "promoted": "promoted"}


def plot_story(path: Path, metric: str, windows: Sequence[Window], events: Sequence[tuple[str, str]]) -> None:
    """Measured and estimated metric of every window in order, one step each; events stand where they happened.

    Args:
        windows: oldest first.
        events: ``(UTC ISO time, kind)``.
    """
    figure = new_figure(3.4)
    axes = figure.add_subplot()
    ends = [_time(window.until) for window in windows]
    measured = [(place, one) for place, window in enumerate(windows) if (one := window.numbers.get("measured"))]
    estimated = [(place, one) for place, window in enumerate(windows) if (one := _estimated(window, metric))]
    _versions(axes, windows)
    if estimated:
        places, values = [place for place, _ in estimated], [one["window"] for _, one in estimated]
        axes.plot(places, values, "o--", ms=4, lw=1.2, color=MOVED, label="estimated without outcomes")
    if measured:
        places, found = [place for place, _ in measured], [one for _, one in measured]
        noise = [[one["window"] - one["low"] for one in found], [one["high"] - one["window"] for one in found]]
        line = {"fmt": "s-", "ms": 4.5, "lw": 1.6, "elinewidth": 0.9, "capsize": 2, "color": BLUE}
        values, words = [one["window"] for one in found], "measured on outcomes, 99% interval"
        axes.errorbar(places, values, yerr=noise, label=words, **line)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.4 * (high - low))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for level, (at, place, kind) in enumerate(_placed(ends, events)):
        axes.axvline(place, color=INK, lw=0.9, ls=(0, (2, 2)))
        style: dict[str, Any]
        where, style = (place, 0.985 - 0.07 * (level % 4)), {"xycoords": ("data", "axes fraction"), "va": "top"}
        words = f"{WORDS[kind]} {at}"
        left = place > 0.75 * len(windows)
        style |= {"xytext": (-4 if left else 4, 0), "ha": "right" if left else "left", "textcoords": "offset points"}
        axes.annotate(words, where, fontsize=8, color=INK, bbox=box, **style)
    axes.set_xticks(range(len(windows)), [f"day {place + 1}" for place in range(len(windows))])
    axes.set_ylabel(metric, fontsize=8, color=INK)
    quiet(axes)
    figure.legend(loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    save(figure, path)


def _versions(axes: Any, windows: Sequence[Window]) -> None:
    """Bands by the version that answered."""
    start = 0
    for place in range(1, len(windows) + 1):
        if place == len(windows) or windows[place].version != windows[start].version:
            shade = FAINT if start == 0 else "#dcfce7"
            axes.axvspan(start - 0.5, place - 0.5, color=shade, alpha=0.5, lw=0)
            name = f"version {windows[start].version[:8]}"
            where, colour = ((start + place - 1) / 2, 0.02), STILL if start == 0 else "#166534"
            axes.annotate(name, where, xycoords=("data", "axes fraction"), ha="center", fontsize=8, color=colour)
            start = place


def _placed(ends: Sequence[datetime], events: Sequence[tuple[str, str]]) -> list[tuple[str, float, str]]:
    """Clock time, place on the axis between the windows, and kind; close ones are parted a little."""
    found: list[tuple[str, float, str]] = []
    for at, kind in events:
        moment = _time(at)
        before = sum(end <= moment for end in ends)
        place = before - 1 + (0.12 if kind == "alarm" else 0.34 if kind == "retrain" else 0.6)
        found.append((moment.strftime("%H:%M:%S"), place, kind))
    return found


def _estimated(window: Window, metric: str) -> dict[str, Any] | None:
    return next((one for one in window.numbers.get("estimates", []) if one["name"] == metric), None)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
