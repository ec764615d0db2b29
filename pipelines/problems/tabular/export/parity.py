"""Does an exported model answer like the original? On real rows, on rows with holes, and one row at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.models.base import Task
from pipelines.problems.common.explaining import spread

FloatArray = NDArray[np.float64]
Answer = Callable[[Design], FloatArray]

ODD_ROWS = 200  # rows per kind of odd row
LONE_ROWS = 25  # rows asked one at a time
FAR = 1e6  # factor beyond the rows' own range


@dataclass(frozen=True)
class Parity:
    """Largest differences between original and exported answers.

    Attributes:
        differences: kind of rows -> largest absolute difference of a probability; regression: in standard
            deviations of the original's answers.
        rows: rows compared in all.
    """

    differences: dict[str, float]
    rows: int

    @property
    def largest(self) -> float:
        return max(self.differences.values())


def compare(
    task: Task, original: Answer, exported: Answer, design: Design, recorded: FloatArray | None = None
) -> Parity:
    """Ask both.

    Args:
        task: kind of problem.
        original: answers of the trained model.
        exported: answers of the exported one.
        design: test rows.
        recorded: the trained model's answers on ``design`` as train wrote them; asked again where None.
    """
    truth = original(design) if recorded is None else recorded
    scale = float(np.std(truth)) or 1.0 if task == "regression" else 1.0
    found = {"test": _largest(truth, exported(design)) / scale}
    few = design.take(spread(np.arange(len(design), dtype=np.int64), ODD_ROWS))
    for name, odd in odd_rows(few).items():
        found[name] = _largest(original(odd), exported(odd)) / scale
    lone = spread(np.arange(len(design), dtype=np.int64), LONE_ROWS)
    alone = np.concatenate([exported(design.take(lone[i : i + 1])) for i in range(len(lone))])
    found["alone"] = _largest(truth[lone], alone) / scale
    return Parity(found, len(design) + len(lone) + ODD_ROWS * 4)


def _largest(left: FloatArray, right: FloatArray) -> float:
    if left.shape != right.shape:
        return float("inf")
    difference = np.abs(left - right)
    return float("inf") if np.isnan(difference).any() else float(difference.max(initial=0.0))


def odd_rows(design: Design) -> dict[str, Design]:
    """Rows as clients send them on a bad day: missing numbers, unknown categories, all of it, and far-off numbers."""
    rng = np.random.Generator(np.random.PCG64(0))
    holes = np.where(rng.random(design.numeric.shape) < 0.3, np.float32(np.nan), design.numeric)
    unknown = np.zeros_like(design.categorical)
    far = np.clip(design.numeric.astype(np.float64) * FAR, -1e30, 1e30).astype(np.float32)
    return {
        "missing": _with(design, holes, design.categorical),
        "unseen": _with(design, design.numeric, unknown),
        "empty": _with(design, np.full_like(design.numeric, np.nan), unknown),
        "far": _with(design, far, design.categorical),
    }


def _with(design: Design, numeric: NDArray[Any], categorical: NDArray[Any]) -> Design:
    return Design(
        np.asarray(numeric, dtype=np.float32),
        np.asarray(categorical, dtype=np.int32),
        design.numeric_names,
        design.categorical_names,
        design.cardinalities,
    )
