"""Pictures of a verdict, drawn from the reference's sketches and the window's rows: PNG, made to be read in a mail."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import write_bytes
from pipelines.metrics.sketches import CategorySketch, NumericSketch
from pipelines.monitoring.reference import Reference, category_counts, numbers_of
from pipelines.monitoring.verdict import ColumnDrift, DriftVerdict

if TYPE_CHECKING:
    import pandas as pd

MOVED, STILL, WINDOW, REFERENCE, INK, FAINT = "#c2410c", "#94a3b8", "#c2410c", "#94a3b8", "#1f2937", "#e5e7eb"
WIDTH_INCHES = 6.4
DPI = 200
MOST_BARS = 24
MOST_PANELS = 6
FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC")


def plot_effects(path: Path, verdict: DriftVerdict, labels: Mapping[str, str]) -> None:
    """Bars of effect size over its limit, the most moved column on top; at most ``MOST_BARS``.

    Args:
        labels: ``effects`` (of the axis) and ``limit``.
    """
    measured = [column for column in verdict.columns if column.effect is not None]
    measured.sort(key=lambda column: (-(column.effect or 0.0), column.name))
    shown = measured[:MOST_BARS]
    figure = new_figure(1.0 + 0.235 * max(1, len(shown)))
    axes = figure.add_subplot()
    places = np.arange(len(shown))[::-1]
    values = [column.effect or 0.0 for column in shown]
    axes.barh(places, values, height=0.68, color=[MOVED if column.drifted else STILL for column in shown])
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            f"{value:.2f}",
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.axvline(verdict.limits.effect, color=INK, linestyle=(0, (4, 3)), linewidth=1)
    axes.annotate(
        f"{labels['limit']} {verdict.limits.effect:g}",
        (verdict.limits.effect, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=8,
        color=INK,
    )
    axes.set_yticks(places, [_short(column.name, 24) for column in shown])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlim(0, max([verdict.limits.effect * 1.6, *(value * 1.14 for value in values)]))
    quiet(axes)
    axes.set_xlabel(labels["effects"], fontsize=8, color=INK)
    save(figure, path)


def plot_distributions(
    path: Path, verdict: DriftVerdict, reference: Reference, window: pd.DataFrame, labels: Mapping[str, str]
) -> None:
    """The most moved columns (else the largest effects), reference against window, at most ``MOST_PANELS``.

    Args:
        labels: ``reference`` and ``window``.
    """
    sketches = {column.name: column.sketch for column in reference.columns}
    ranked = [c for c in verdict.drifted if c.effect is not None]
    measured = [c for c in verdict.columns if c.effect is not None]
    shown = (ranked or sorted(measured, key=lambda c: -(c.effect or 0.0)))[:MOST_PANELS]
    lines = max(1, (len(shown) + 1) // 2)
    figure = new_figure(0.5 + 1.75 * lines)
    for position, column in enumerate(shown, start=1):
        axes = figure.add_subplot(lines, 2, position)
        sketch = sketches[column.name]
        if isinstance(sketch, NumericSketch):
            _numbers(axes, sketch, numbers_of(window[column.name]))
        else:
            _categories(axes, column, sketch, category_counts(window[column.name])[0])
        quiet(axes)
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
        axes.yaxis.set_major_locator(_locator())
        axes.set_title(f"{_short(column.name, 26)}   {column.effect:.2f}", loc="left", fontsize=9, color=INK)
    figure.get_layout_engine().set(h_pad=0.09, w_pad=0.09)
    handles = [_patch(REFERENCE, 0.65, labels["reference"]), _patch(WINDOW, 1.0, labels["window"])]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    save(figure, path)


def _numbers(axes: Any, sketch: NumericSketch, values: NDArray[np.float64]) -> None:
    present = values[np.isfinite(values)]
    cumulated = np.cumsum(sketch.counts) / sketch.present
    if sketch.distinct <= 24 and np.unique(present).size <= 40:
        _spikes(axes, sketch, present)
        return
    low = min(_quantile(sketch, cumulated, 0.005), float(np.quantile(present, 0.005)))
    high = max(_quantile(sketch, cumulated, 0.985), float(np.quantile(present, 0.985)))
    bins = np.linspace(low, high if high > low else low + 1, 33)
    points = np.append(np.nextafter(sketch.low, -np.inf), sketch.edges)
    before_each = np.append(np.nextafter(bins[:-1], -np.inf), bins[-1])
    below = np.interp(before_each, points, np.append(0.0, cumulated))
    now = np.histogram(present, bins)[0] / present.size
    axes.stairs(np.diff(below), bins, fill=True, color=REFERENCE, alpha=0.65)
    axes.stairs(now, bins, color=WINDOW, linewidth=1.6)
    axes.set_xlim(bins[0], bins[-1])
    axes.xaxis.set_major_locator(_locator())
    axes.xaxis.set_major_formatter(_compact)


def _spikes(axes: Any, sketch: NumericSketch, present: NDArray[np.float64]) -> None:
    values, counts = np.unique(present, return_counts=True)
    places = np.union1d(sketch.edges, values)
    step = float(np.min(np.diff(places))) if places.size > 1 else 1.0
    known = dict(zip(sketch.edges.tolist(), (sketch.counts / sketch.present).tolist(), strict=True))
    found = dict(zip(values.tolist(), (counts / present.size).tolist(), strict=True))
    axes.bar(places, [known.get(v, 0.0) for v in places.tolist()], width=0.9 * step, color=REFERENCE, alpha=0.65)
    now = [found.get(v, 0.0) for v in places.tolist()]
    axes.bar(places, now, width=0.9 * step, fill=False, edgecolor=WINDOW, linewidth=1.4)
    axes.xaxis.set_major_locator(_locator(integer=bool(np.all(places == np.round(places)))))


def _categories(axes: Any, column: ColumnDrift, sketch: CategorySketch, counts: dict[str, int]) -> None:
    order = sorted({*sketch.counts, *counts}, key=lambda name: -max(sketch.counts.get(name, 0), counts.get(name, 0)))
    changed = [share.name for share in column.categories]
    names = sorted(set([*changed, *order][:8]), key=lambda name: (len(name), name))
    total = max(1, sum(counts.values()))
    places = np.arange(len(names))
    before = [sketch.counts.get(name, 0) / max(1, sketch.present) for name in names]
    axes.bar(places - 0.2, before, width=0.4, color=REFERENCE, alpha=0.65)
    axes.bar(places + 0.2, [counts.get(name, 0) / total for name in names], width=0.4, color=WINDOW)
    axes.set_xticks(places, [_short(name, 12) for name in names])
    if max((len(name) for name in names), default=0) > 6:
        axes.tick_params(axis="x", labelrotation=25)


def _quantile(sketch: NumericSketch, cumulated: NDArray[np.float64], share: float) -> float:
    return float(sketch.edges[min(int(np.searchsorted(cumulated, share)), sketch.edges.size - 1)])


def new_figure(height: float) -> Any:
    """A figure ``height`` inches high, in the width and fonts of a mail."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    rcParams["font.family"] = [name for name in FONTS if name in installed] or ["sans-serif"]
    rcParams["svg.hashsalt"] = "nightshift"
    return Figure(figsize=(WIDTH_INCHES, height), dpi=DPI, layout="constrained", facecolor="white")


def has_chinese_font() -> bool:
    """Whether matplotlib can draw Chinese characters here."""
    from matplotlib.font_manager import fontManager

    return any(font.name in FONTS[1:] for font in fontManager.ttflist)


def _locator(integer: bool = False) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5, integer=integer)


def _patch(color: str, alpha: float, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=color, alpha=alpha, label=label)


def quiet(axes: Any) -> None:
    """Few lines, small labels."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    axes.grid(axis="both", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def _compact(value: float, _position: int) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def save(figure: Any, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    sink = BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    write_bytes(path, sink.getvalue())
