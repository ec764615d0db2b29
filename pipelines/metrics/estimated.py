"""Performance without outcomes: what a calibrated probability says about its own hits and misses.

Confidence-based performance estimation (Bialek, Kuberski, Perrakis, Bifet: "We don't need no labels", arXiv
2401.08348, without the multi-calibration): a row of probability p counts as p positives and 1 - p negatives. Right
where the mix of rows has changed and the probabilities still hold; blind to a change of what the outcome depends on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.metrics.ranking import Curve, auc_of, average_precision_of
from pipelines.metrics.sketches import FloatArray, NumericSketch

LARGER_IS_BETTER = {"roc_auc": True, "average_precision": True, "brier": False, "cost_per_row": False}


@dataclass(frozen=True)
class Decision:
    """At or above ``threshold`` a row is acted on; what the two errors cost, per row in one unit."""

    threshold: float
    false_positive: float
    false_negative: float


@dataclass(frozen=True)
class EstimatedChange:
    """One measure, estimated on the reference and on the window.

    ``low`` to ``high`` is the interval of window minus reference, from the noise of both samples. ``worse``: the
    whole interval lies on the side of a loss.
    """

    name: str
    reference: float
    window: float
    low: float
    high: float
    worse: bool


def estimated_changes(
    reference: NumericSketch,
    window: NumericSketch,
    decision: Decision | None = None,
    resamples: int = 400,
    confidence: float = 0.99,
    seed: int = 0,
) -> list[EstimatedChange]:
    """``roc_auc``, ``average_precision``, ``brier`` and, with a decision, ``cost_per_row``; estimated, and compared.

    Args:
        reference: sketch of calibrated probabilities of the positive class.
        window: the same of the window.
        decision: threshold and costs.
        resamples: multinomial bootstrap draws of each side.
        confidence: of the interval of the change.
        seed: of the draws.

    Returns:
        Nothing where a side has no rows, or a value that is no probability.
    """
    if not _probabilities(reference) or not _probabilities(window):
        return []
    generator = np.random.default_rng(seed)
    before = _measures(reference, _draws(reference, resamples, generator), decision)
    now = _measures(window, _draws(window, resamples, generator), decision)
    tail = (1 - confidence) / 2
    found = []
    for name, drawn in now.items():
        change = drawn[1:] - before[name][1:]
        low, high = (float(value) for value in np.quantile(change, [tail, 1 - tail]))
        worse = high < 0 if LARGER_IS_BETTER[name] else low > 0
        found.append(EstimatedChange(name, float(before[name][0]), float(drawn[0]), low, high, worse))
    return found


def _probabilities(sketch: NumericSketch) -> bool:
    return bool(sketch.present and sketch.low >= 0 and sketch.edges[-1] <= 1)


def _draws(sketch: NumericSketch, resamples: int, generator: np.random.Generator) -> FloatArray:
    """Counts per cluster ``[1 + resamples, k]``, the observed ones first."""
    drawn = generator.multinomial(sketch.present, sketch.counts / sketch.present, size=resamples)
    return np.vstack([sketch.counts, drawn]).astype(np.float64)


def _measures(sketch: NumericSketch, counts: FloatArray, decision: Decision | None) -> dict[str, FloatArray]:
    """Each measure ``[1 + resamples]``."""
    p = sketch.means[::-1]
    falling = counts[:, ::-1]
    line = Curve(hits=np.cumsum(falling * p, axis=1), passed=np.cumsum(falling, axis=1))
    measures = {
        "roc_auc": auc_of(line),
        "average_precision": average_precision_of(line),
        "brier": falling @ (p * (1 - p)) / sketch.present,
    }
    if decision is not None:
        cost = np.where(p >= decision.threshold, decision.false_positive * (1 - p), decision.false_negative * p)
        measures["cost_per_row"] = falling @ cost / sketch.present
    return {name: np.asarray(values, dtype=np.float64) for name, values in measures.items()}
