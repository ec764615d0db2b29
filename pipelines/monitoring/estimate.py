"""Estimated performance of a window: from the answers alone, before any outcome is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import Product
from pipelines.files import json_number, read_json
from pipelines.metrics.estimated import Decision, estimated_changes
from pipelines.metrics.sketches import NumericSketch, sketch_numeric
from pipelines.monitoring.reference import Reference, numbers_of
from pipelines.monitoring.verdict import Estimate

if TYPE_CHECKING:
    import pandas as pd

SCORE = "score"


def estimate(reference: Reference, window: pd.DataFrame, block: Product, bundle: Path) -> tuple[Estimate, ...]:
    """What the champion's probabilities say about its own quality on this window; nothing for other tasks than binary.

    Args:
        window: raw rows with their answers.
        block: key metric and costs.
        bundle: holds ``choice.json`` with the decision's threshold.
    """
    known = next((column.sketch for column in reference.columns if column.name == SCORE), None)
    if block.columns.task != "binary" or not isinstance(known, NumericSketch) or SCORE not in window:
        return ()
    threshold, costs = read_json(bundle / "choice.json").get("threshold"), block.requirements.costs
    decision = Decision(threshold, costs.false_positive, costs.false_negative) if costs and threshold else None
    changes = estimated_changes(known, sketch_numeric(numbers_of(window[SCORE])), decision)
    shown = {block.evaluate.metric, "cost_per_row"}
    return tuple(
        Estimate(
            name=change.name,
            reference=json_number(change.reference) or 0.0,
            window=json_number(change.window) or 0.0,
            low=json_number(change.low) or 0.0,
            high=json_number(change.high) or 0.0,
            worse=change.worse,
        )
        for change in changes
        if change.name in shown
    )
