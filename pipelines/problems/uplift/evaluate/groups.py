"""The effect of each offer and of the recommended ones in named groups of customers."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError
from pipelines.metrics import slices
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.uplift import Stakes
from pipelines.problems.common.slicing import number
from pipelines.problems.uplift.core.prepared import Prepared
from pipelines.problems.uplift.evaluate.policies import robust_value

FloatArray = NDArray[np.float64]

MIN_ROWS = 30  # fewer are counted, not measured


def measure_groups(
    product: Product, prepared: Prepared, scores: FloatArray, offer: NDArray[np.int64], stakes: Stakes,
    test: NDArray[np.int64],
) -> list[dict[str, Any]]:  # fmt: skip
    """One entry per column of ``evaluate.slices`` and per protected column.

    Args:
        scores: doubly robust scores of all rows ``[n, k]``.
        offer: recommended offers of all rows.
        test: positions of the test rows.

    Raises:
        ConfigError: a column is not in the data.
    """
    settings, least = product.evaluate, product.requirements.fairness.min_group_rows
    edges: dict[str, tuple[float, ...]] = dict.fromkeys(product.requirements.protected, ()) | dict(settings.slices)
    frame = prepared.frame.iloc[test]
    parts = []
    for column, cuts in edges.items():
        if column not in frame:
            raise ConfigError(
                f"slice column {column!r} is not in the data",
                where={"key": "evaluate.slices or requirements.protected"},
                next_step=f"choose among: {', '.join(str(name) for name in frame.columns if str(name)[0] != '_')}",
            )
        groups = []
        for name, mask in slices.groups_of(frame[column].to_numpy(dtype=object), cuts).items():
            rows = test[mask]
            group: dict[str, Any] = {"name": name, "rows": len(rows), "judged": len(rows) >= least}
            if len(rows) >= MIN_ROWS:
                group["contacted"] = float(np.mean(offer[rows] > 0))
                group["policy_value"] = number(robust_value(scores[rows], offer[rows], stakes, settings.confidence))
                group["effects"] = {
                    str(arm): number(_mean(scores[rows, at], settings.confidence))
                    for at, arm in enumerate(prepared.arms.offers)
                }
            groups.append(group)
        protected = column in product.requirements.protected
        parts.append({"column": column, "edges": list(cuts), "protected": protected, "groups": groups})
    return parts


def _mean(values: FloatArray, confidence: float) -> Estimate:
    half = NormalDist().inv_cdf(0.5 + confidence / 2.0) * float(values.std() / np.sqrt(len(values)))
    return Estimate(float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)
