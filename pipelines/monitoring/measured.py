"""Measured performance: the key metric on answers whose outcomes have come in, and which ones have not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.files import read_json, read_parquet
from pipelines.metrics.intervals import percentile_interval, point, replicates
from pipelines.metrics.judges import LOWER_IS_BETTER, Judge
from pipelines.monitoring.windows import frame_of
from pipelines.problems import measured
from pipelines.records.predictions import Logged

if TYPE_CHECKING:
    import pandas as pd

LEAST_OUTCOMES = 100
RESAMPLES = 400
CONFIDENCE = 0.99
PARTS = 3


@dataclass(frozen=True)
class Part:
    """One third of the scores (by the reference's quantiles), and how many of its rows have an outcome."""

    low: float
    high: float
    rows: int
    observed: int

    @property
    def share(self) -> float:
        return self.observed / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Measured:
    """The key metric on rows with outcomes, beside the same on the reference's rows.

    Attributes:
        name: the metric.
        low: lower end of the 99% interval of ``window``.
        high: its upper end.
        loss: by how much the window is worse; negative where it is better.
        worse: whether the loss is beyond the noise of both samples.
        outcomes: rows with an outcome that were measured.
        answered: rows answered in the same time, with or without.
        parts: by score; outcomes that are missing where scores are high say that those in hand are a selection.
    """

    name: str
    reference: float
    window: float
    low: float
    high: float
    loss: float
    worse: bool
    outcomes: int
    answered: int
    parts: tuple[Part, ...] = ()

    @property
    def unobserved(self) -> float:
        """Share of the answered rows without an outcome."""
        return 1 - self.outcomes / self.answered if self.answered else 0.0


def measure(
    block: Product, bundle: Path, told: Sequence[tuple[Logged, Any]], sample: Sequence[Logged], answered: int
) -> Measured | None:
    """Measure the rows of one version.

    Args:
        told: rows with their outcome; values that the model does not know are left out.
        sample: rows of the same stretch of time, with an outcome or not: all, or some evenly in time.
        answered: how many there are.

    Returns:
        None with fewer than ``LEAST_OUTCOMES`` outcomes, outcomes of one kind only, or a problem that cannot be
        measured so.
    """
    schema = read_json(bundle / "schema.json")
    classes = set(map(str, schema.get("outcomes", schema.get("classes")) or ()))
    known = [(row, outcome) for row, outcome in told if not classes or str(outcome) in classes]
    path = bundle / "reference.parquet"
    if len(known) < LEAST_OUTCOMES or not path.is_file():
        return None
    before = read_parquet(path)
    if block.columns.target not in before:
        return None
    now = measured(block, schema, frame_of(block, bundle, [row for row, _ in known]), [value for _, value in known])
    then = measured(block, schema, before, before[block.columns.target].tolist())
    if now is None or then is None:
        return None
    keys = {(row.request_id, row.row) for row, _ in known}
    observed = np.array([(row.request_id, row.row) in keys for row in sample], dtype=bool)
    parts = _parts(before, frame_of(block, bundle, sample), observed)
    return _compare(block.evaluate.metric, then, now, max(answered, len(known)), parts)


def _compare(metric: str, then: Judge, now: Judge, answered: int, parts: tuple[Part, ...]) -> Measured | None:
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    reference, window = point(then)[metric], point(now)[metric]
    drawn = replicates(now, RESAMPLES, 1)[metric]
    if np.isnan(window) or np.isnan(reference) or np.isnan(drawn).all():
        return None
    low, high = percentile_interval(drawn, CONFIDENCE)
    surest, _ = percentile_interval(sign * (replicates(then, RESAMPLES, 2)[metric] - drawn), CONFIDENCE)
    loss = sign * (reference - window)
    return Measured(metric, reference, window, low, high, loss, surest > 0, now.n, answered, parts)


def _parts(before: pd.DataFrame, sample: pd.DataFrame, observed: NDArray[np.bool_]) -> tuple[Part, ...]:
    if "score" not in before or "score" not in sample:
        return ()
    edges = np.quantile(before["score"].to_numpy(dtype=np.float64), np.linspace(0, 1, PARTS + 1)[1:-1])
    score = sample["score"].to_numpy(dtype=np.float64)
    part = np.searchsorted(edges, score, side="right")
    bounds = [float(np.nanmin(score)), *map(float, edges), float(np.nanmax(score))]
    return tuple(
        Part(bounds[i], bounds[i + 1], int((part == i).sum()), int((observed & (part == i)).sum()))
        for i in range(PARTS)
    )
