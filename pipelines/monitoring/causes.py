"""What a judged window shows, as named causes: the same name in the next window is the same cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.blocks.operations import Watch
from pipelines.files import json_number
from pipelines.metrics.judges import LOWER_IS_BETTER
from pipelines.monitoring.fairness import GroupGap
from pipelines.monitoring.measured import Measured
from pipelines.monitoring.verdict import DriftVerdict, Estimate
from pipelines.monitoring.volume import Volume

Causes = dict[str, dict[str, Any]]


def drift_causes(verdict: DriftVerdict) -> Causes:
    """``data_drift`` (share of moved inputs), ``prediction_drift`` (largest effect), ``broken:<column>`` (rise of the
    share of missing or unseen values)."""
    limits, found = verdict.limits, Causes()
    broken = {column.name: column.rise for column in verdict.inputs if column.rise >= limits.broken}
    if verdict.inputs and verdict.drifted_share >= limits.share:
        names = [column.name for column in verdict.drifted if column.role != "prediction"]
        found["data_drift"] = _cause(verdict.drifted_share, limits.share, columns=names[:12])
    moved = [column for column in verdict.columns if column.role == "prediction" and column.drifted]
    if moved:
        worst = max(moved, key=lambda column: column.effect or 0.0)
        found["prediction_drift"] = _cause(worst.effect or 0.0, limits.effect, columns=[worst.name])
    for name, rise in broken.items():
        found[f"broken:{name}"] = _cause(rise, limits.broken, columns=[name])
    return found


def loss_causes(watch: Watch, metric: str, estimates: Iterable[Estimate], measured: Measured | None) -> Causes:
    """``estimated_loss`` and ``measured_loss`` of the key metric: beyond noise, and at least the margin."""
    found = Causes()
    for one in estimates:
        loss = (one.window - one.reference) * (1 if metric in LOWER_IS_BETTER else -1)
        if one.name == metric and one.worse and loss >= watch.loss_margin:
            found["estimated_loss"] = _cause(
                loss, watch.loss_margin, metric=metric, reference=one.reference, window=one.window
            )
    if measured is not None and measured.worse and measured.loss >= watch.loss_margin:
        found["measured_loss"] = _cause(
            measured.loss, watch.loss_margin, metric=metric, reference=measured.reference, window=measured.window
        )
    return found


def other_causes(watch: Watch, volume: Volume, gaps: Sequence[GroupGap]) -> Causes:
    """``volume``, and ``fairness:<column>:<rate>`` of gaps that are surely beyond their limit."""
    found = Causes()
    if volume.unusual:
        found["volume"] = _cause(volume.factor, watch.volume_factor, per_hour=volume.per_hour, usual=volume.usual)
    for gap in gaps:
        if gap.beyond:
            found[f"fairness:{gap.column}:{gap.rate}"] = _cause(
                gap.gap, gap.limit or 0.0, columns=[gap.column], highest=gap.highest, lowest=gap.lowest
            )
    return found


def _cause(effect: float, limit: float, **more: Any) -> dict[str, Any]:
    numbers = {key: json_number(value, 6) if isinstance(value, float) else value for key, value in more.items()}
    return {"effect": json_number(effect, 6), "limit": json_number(limit, 6), **numbers}
