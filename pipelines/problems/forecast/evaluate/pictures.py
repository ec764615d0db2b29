"""Pictures of a forecast as PNG, equal bytes for equal numbers: fan charts, error by step ahead, quantiles."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.files import write_bytes
from pipelines.metrics.intervals import Estimate
from pipelines.problems.common import pictures as shared
from pipelines.problems.common.explaining import table
from pipelines.problems.common.pictures import BLUE, GREY, INK, ORANGE, STYLE
from pipelines.problems.forecast.core.lags import Array
from pipelines.problems.forecast.core.prepared import Prepared, Rows
from pipelines.problems.forecast.core.rhythm import UNITS

FANS = 6  # series shown
BEFORE = 2  # horizons of history shown before the forecast


def draw(
    folder: Path,
    prepared: Prepared,
    rows: Rows,
    point: Array,
    quantiles: Array,
    lines: Mapping[str, Sequence[Mapping[str, Any]]],
    explanations: Mapping[str, Any],
    metrics: Mapping[str, Estimate],
    slices: Sequence[Mapping[str, Any]],
) -> None:
    """Write ``fan_charts.png``, a picture per series of ``lines``, ``importance.png`` and ``slices.png``.

    Args:
        folder: the plots folder.
        prepared: the rows.
        rows: test rows.
        point: their point forecasts.
        quantiles: their quantiles ``[n, q]``.
        lines: points for ``dvc plots``.
        explanations: content of ``explanations.json``.
        metrics: test metrics, for the captions.
        slices: content of ``slices.json``.
    """
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        _fans(folder / "fan_charts.png", prepared, rows, point, quantiles)
        _errors(folder / "error_by_step_ahead.png", lines["error_by_step_ahead"], prepared.spec.frequency, metrics)
        _quantiles(folder / "quantiles.png", lines["quantiles"], metrics)
    shared.draw(
        folder, "regression", {}, metrics, None, table(explanations), slices, str(explanations["unit"])
    )  # fmt: skip


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def _save(figure: Any, path: Path) -> None:
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    write_bytes(path, stream.getvalue())


def _fans(path: Path, prepared: Prepared, rows: Rows, point: Array, quantiles: Array) -> None:
    spec = prepared.spec
    origin = prepared.origin_of("test")
    inside = np.unique(prepared.series[rows])
    chosen = inside[np.unique(np.linspace(0, len(inside) - 1, FANS).astype(np.int64))]
    figure, axes = _figure(10.5, 6.4, 3, 2)
    for axis, series in zip(np.ravel(axes), chosen.tolist(), strict=False):
        mine = np.flatnonzero(prepared.series[rows] == series)
        mine = mine[np.argsort(prepared.steps[rows[mine]], kind="stable")]
        ahead = _moments(prepared.steps[rows[mine]], spec.frequency)
        past = np.arange(origin + 1 - BEFORE * spec.horizon, origin + 1)
        before = prepared.history.at(np.full(len(past), series), past, origin + 1)
        axis.plot(_moments(past, spec.frequency), before, color=GREY, linewidth=1.2)
        half = quantiles.shape[1] // 2
        for place in range(half):
            axis.fill_between(
                ahead, quantiles[mine, place], quantiles[mine, -1 - place], color=BLUE, alpha=0.16, linewidth=0
            )
        axis.plot(ahead, point[mine], color=BLUE, linewidth=1.6)
        axis.plot(ahead, prepared.y[rows[mine]], color=ORANGE, linewidth=0, marker="o", markersize=2.6)
        axis.set_title(str(prepared.history.keys[series]), fontsize=9.5)
        axis.set_ylim(bottom=0)
        axis.tick_params(axis="x", labelrotation=20, labelsize=8)
    for axis in np.ravel(axes)[len(chosen) :]:
        axis.set_visible(False)
    levels = spec.quantiles
    bands = ", ".join(f"{round(100 * (levels[-1 - place] - levels[place]))}%" for place in range(len(levels) // 2))
    figure.suptitle(
        f"Forecasts of the test steps (blue, bands {bands}) and what was sold (orange)", color=INK, fontsize=11
    )
    _save(figure, path)


def _moments(steps: Rows, frequency: str) -> Any:
    return steps.astype(f"datetime64[{UNITS[frequency]}]")


def _errors(path: Path, points: Sequence[Mapping[str, Any]], frequency: str, metrics: Mapping[str, Estimate]) -> None:
    figure, axis = _figure(6.4, 3.4)
    axis.plot([one["at"] for one in points], [one["wape"] for one in points], color=BLUE)
    axis.set_title("Error by step ahead")
    axis.set_xlabel(f"{frequency}s after the origin")
    axis.set_ylabel("WAPE")
    axis.set_ylim(bottom=0)
    found = metrics["wape"]
    axis.text(
        0.97, 0.06, f"WAPE {found.value:.3f}\n[{found.low:.3f}, {found.high:.3f}]", transform=axis.transAxes,
        ha="right", va="bottom", color=INK,
    )  # fmt: skip
    _save(figure, path)


def _quantiles(path: Path, points: Sequence[Mapping[str, Any]], metrics: Mapping[str, Estimate]) -> None:
    figure, axis = _figure(4.8, 4.2)
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
    axis.plot([one["at"] for one in points], [one["observed"] for one in points], color=BLUE, marker="o", markersize=5)
    axis.set_title("Quantiles")
    axis.set_xlabel("level")
    axis.set_ylabel("share of demand at or below it")
    shown = [f"{name.replace('_', ' ')}% {found.value:.3f}" for name, found in metrics.items() if "coverage" in name]
    axis.text(0.97, 0.05, "\n".join(shown), transform=axis.transAxes, ha="right", va="bottom", color=INK)
    _save(figure, path)
