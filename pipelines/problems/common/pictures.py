"""The same curves as PNG pictures, equal bytes for equal numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import write_bytes
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.judges import Task
from pipelines.problems.common.curves import Series

FloatArray = NDArray[np.float64]

BLUE, ORANGE, GREY, INK = "#2f6db5", "#d9822b", "#9aa4ad", "#27313a"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6eaed",
    "grid.linewidth": 0.8,
    "xtick.color": "#56616b",
    "ytick.color": "#56616b",
    "lines.linewidth": 2.0,
    "figure.dpi": 120,
    "savefig.dpi": 120,
    "legend.frameon": False,
    "svg.hashsalt": "nightshift",
}
LABELS = {
    "roc": ("ROC curve", "false-positive rate", "recall"),
    "precision_recall": ("Precision and recall", "recall", "precision"),
    "gain": ("Positives found by cases looked at", "share of cases, riskiest first", "share of positives found"),
    "calibration": ("Calibration", "mean probability in the bin", "observed share"),
    "risk_coverage": ("Errors among the answered", "share of rows answered, surest first", "share of errors"),
    "score_histogram": ("Scores", "probability", "share of rows"),
    "predicted_against_actual": ("Predicted against actual", "actual (mean of a bin)", "predicted (mean)"),
    "error_histogram": ("Errors", "predicted minus actual", "share of rows"),
}


def draw(
    folder: Path,
    task: Task,
    lines: Mapping[str, Series],
    metrics: Mapping[str, Estimate],
    threshold: float | None,
    importance: Sequence[tuple[str, float, float | None]],
    slices: Sequence[Mapping[str, Any]],
    unit: str,
) -> None:
    """Write one PNG per series, ``importance.png`` and ``slices.png`` into ``folder``.

    Args:
        folder: the plots folder.
        task: kind of problem.
        lines: from :func:`pipelines.problems.common.curves.series`.
        metrics: test metrics, for the captions.
        threshold: binary: where the model decides.
        importance: features with mean size and direction, largest first.
        slices: content of ``slices.json``.
        unit: of the contributions.
    """
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        for name, points in lines.items():
            _curve(folder, name, points, metrics, threshold)
        _importance(folder, importance, unit)
        _slices(folder, task, slices)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _save(figure: Any, path: Path) -> None:
    from io import BytesIO

    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    write_bytes(path, stream.getvalue())


def _curve(folder: Path, name: str, points: Series, metrics: Mapping[str, Estimate], threshold: float | None) -> None:
    figure, axes = _figure(4.8, 4.2)
    title, x_label, y_label = LABELS[name]
    x = np.array([point["at"] for point in points], dtype=np.float64)
    y = np.array([next(value for key, value in point.items() if key != "at") for point in points], dtype=np.float64)
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if name.endswith("histogram"):
        axes.bar(x, y, width=(x[1] - x[0]) * 0.92, color=BLUE)
        axes.grid(visible=False, axis="x")
        if threshold is not None and name == "score_histogram":
            axes.axvline(threshold, color=ORANGE, linewidth=1.6)
            axes.annotate(
                f"acts from {threshold:.3g}", (threshold, 0.97), xycoords=("data", "axes fraction"), xytext=(5, 0),
                textcoords="offset points", color=ORANGE, va="top",
            )  # fmt: skip
    elif name == "calibration" or name == "predicted_against_actual":
        low, high = min(x.min(), y.min(), 0.0 if name == "calibration" else x.min()), max(x.max(), y.max())
        axes.plot([low, high], [low, high], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.plot(x, y, color=BLUE, marker="o", markersize=5)
        axes.set_aspect("equal", adjustable="datalim")
    else:
        axes.plot(x, y, color=BLUE)
        if name in ("roc", "gain"):
            axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.fill_between(x, y, color=BLUE, alpha=0.08, linewidth=0)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.01)
    caption = _caption(name, metrics)
    if caption:
        place = (0.97, 0.05) if name in ("roc", "gain", "calibration", "predicted_against_actual") else (0.97, 0.95)
        axes.text(
            *place, caption, transform=axes.transAxes, ha="right", va="bottom" if place[1] < 0.5 else "top", color=INK
        )
    _save(figure, folder / f"{name}.png")


def _caption(name: str, metrics: Mapping[str, Estimate]) -> str:
    shown = {
        "roc": ("roc_auc", "AUC"),
        "precision_recall": ("average_precision", "average precision"),
        "gain": ("lift_10", "lift at 10%"),
        "calibration": ("ece", "expected error"),
        "predicted_against_actual": ("r2", "R²"),
    }
    metric, label = shown.get(name, ("", ""))
    if metric not in metrics:
        return ""
    found = metrics[metric]
    digits = 2 if metric.startswith("lift") else 3
    return f"{label} {found.value:.{digits}f}\n[{found.low:.{digits}f}, {found.high:.{digits}f}]"


def _importance(folder: Path, entries: Sequence[tuple[str, float, float | None]], unit: str) -> None:
    from matplotlib.patches import Patch

    figure, axes = _figure(6.4, 0.9 + 0.27 * max(4, len(entries)))
    names = [name for name, _, _ in entries][::-1]
    sizes = [size for _, size, _ in entries][::-1]
    colours = [_direction_colour(direction) for _, _, direction in entries][::-1]
    axes.barh(range(len(names)), sizes, color=colours, height=0.72)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_title("What the model goes by")
    axes.set_xlabel(f"mean size of contribution, {unit}")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    meanings = ((ORANGE, "more of it raises the score"), (BLUE, "lowers it"), (GREY, "neither, or a category"))
    axes.legend(handles=[Patch(color=colour, label=label) for colour, label in meanings], loc="lower right")
    _save(figure, folder / "importance.png")


def _direction_colour(direction: float | None) -> str:
    if direction is None or abs(direction) < 0.3:
        return GREY
    return ORANGE if direction > 0 else BLUE


def _slices(folder: Path, task: Task, slices: Sequence[Mapping[str, Any]]) -> None:
    metric = {"binary": "roc_auc", "multiclass": "accuracy", "multilabel": "micro_f1", "regression": "mae"}[task]
    rows: list[tuple[str, Mapping[str, Any] | None, int, bool]] = []
    for part in slices:
        rows.append((part["column"], None, 0, False))
        for group in part["groups"]:
            rows.append((group["name"], group["metrics"].get(metric), group["rows"], group["judged"]))
    if not rows:
        return
    figure, axes = _figure(6.4, 1.0 + 0.25 * len(rows))
    for place, (_, found, _, judged) in enumerate(reversed(rows)):
        if found is None or found["value"] is None:
            continue
        colour = BLUE if judged else GREY
        axes.plot([found["low"], found["high"]], [place, place], color=colour, linewidth=2.4, solid_capstyle="round")
        axes.plot(found["value"], place, color=colour, marker="o", markersize=6)
    labels = [name if found is None and not count else f"{name}   ({count:,})" for name, found, count, _ in rows]
    axes.set_yticks(range(len(rows)), labels[::-1])
    for tick, (_, found, count, _) in zip(axes.get_yticklabels(), reversed(rows), strict=True):
        if found is None and not count:
            tick.set_fontweight("bold")
            tick.set_color(INK)
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.set_title("The same model on named groups (rows)")
    axes.set_xlabel(f"{metric}, with interval; grey: too few rows to be judged")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    _save(figure, folder / "slices.png")
