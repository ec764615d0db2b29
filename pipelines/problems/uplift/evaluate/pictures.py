"""Qini curves and policies: series for ``dvc plots`` and pictures for the report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import json_number
from pipelines.metrics.uplift import qini_curve
from pipelines.problems.uplift.core.prepared import Prepared
from pipelines.problems.uplift.evaluate.policies import Compared

FloatArray = NDArray[np.float64]

STEPS = 101


def series(prepared: Prepared, uplift: FloatArray, test: NDArray[np.int64]) -> dict[str, list[dict[str, Any]]]:
    """``{name: points}``: the Qini curve of each arm on the test rows, at even shares of customers."""
    grid = np.linspace(0.0, 1.0, STEPS)
    found = {}
    for place, name in enumerate(prepared.arms.offers, start=1):
        share, curve = qini_curve(prepared.y[test], prepared.arm[test], uplift[test, place - 1], place)
        points = zip(grid.tolist(), np.interp(grid, share, curve).tolist(), strict=True)
        found[f"qini_{slug(name)}"] = [{"at": json_number(a, 6), "gain": json_number(b, 6)} for a, b in points]
    return found


def slug(name: Any) -> str:
    """An arm's name as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_") or "arm"


def draw(
    folder: Path, prepared: Prepared, uplift: FloatArray, test: NDArray[np.int64], compared: Sequence[Compared]
) -> None:
    """``qini.png`` and ``policies.png``; equal inputs give equal bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(prepared.arms.offers, start=1):
        share, curve = qini_curve(prepared.y[test], prepared.arm[test], uplift[test, place - 1], place)
        line = axes.plot(share, curve, label=f"{name}, by uplift")[0]
        axes.plot(
            [0, 1], [0, curve[-1]], linestyle="--", linewidth=1, color=line.get_color(), label=f"{name}, at random"
        )
    axes.set(xlabel="share of customers contacted, highest uplift first", ylabel="outcomes gained per treated customer")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(folder / "qini.png", dpi=110, metadata={"Software": None})

    figure = Figure(figsize=(7, 0.5 * len(compared) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(compared))[::-1]
    values = np.array([one.value.value for one in compared])
    spread = np.array([[one.value.value - one.value.low, one.value.high - one.value.value] for one in compared]).T
    axes.errorbar(values, places, xerr=np.maximum(spread, 0.0), fmt="o", capsize=3)
    axes.axvline(0.0, color="grey", linewidth=1)
    axes.set_yticks(places, [f"{one.name} ({one.contacted:.0%})" for one in compared])
    axes.set(xlabel="gain per customer over contacting no one")
    axes.grid(alpha=0.3, axis="x")
    figure.savefig(folder / "policies.png", dpi=110, metadata={"Software": None})
