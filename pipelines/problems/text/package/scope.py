"""How far a text may be from every packed case before it counts as out of scope, and how well that tells texts apart.

The threshold is a quantile of the valid texts' similarity to their nearest case, as Sun et al. (2022) propose in
Out-of-Distribution Detection with Deep Nearest Neighbors. It is measured on the test texts, with a fourth of the
classes taken as unknown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError
from pipelines.files import json_number
from pipelines.metrics.intervals import estimates
from pipelines.metrics.judges import judge
from pipelines.problems.common.slicing import number
from pipelines.problems.text.answer.cases import Cases
from pipelines.problems.text.answer.predictor import Predictor
from pipelines.problems.text.core.prepared import Prepared

MOST = 1000  # texts of a side that are looked at
EVERY = 4  # of the classes, one in so many is treated as unknown
KEPT = 0.95  # share of the known texts that are kept where the false ones are counted


def measure(
    product: Product, prepared: Prepared, predictor: Predictor, known: Cases | None, rows: NDArray[np.int64]
) -> dict[str, Any] | None:
    """The content of ``scope.json``; None where the product asks for none.

    Args:
        product: its ``export.scope`` is the share of valid texts that lie below the threshold.
        prepared: all rows.
        predictor: the packed model.
        known: the packed cases.
        rows: the cases' rows, in their order.

    Raises:
        ConfigError: a scope is asked for, but no cases are packed.
    """
    share = product.export.scope
    if share is None:
        return None
    if known is None:
        raise ConfigError(
            "a scope needs packed cases",
            where={"key": "export.scope"},
            next_step="set export.cases to 1 or more, or leave export.scope out",
        )
    valid, test = _spread(prepared.rows("valid")), _spread(prepared.rows("test"))
    nearest = known.similarities(predictor, prepared.at(valid)).max(axis=1)
    threshold = float(json_number(np.quantile(nearest, share, method="lower"), 6) or 0.0)
    similar = known.similarities(predictor, prepared.at(test))
    content: dict[str, Any] = {
        "method": "similarity to the nearest packed case",
        "share": share,
        "threshold": threshold,
        "valid_rows": len(valid),
        "test_rows": len(test),
        "test_share_in_scope": json_number((similar.max(axis=1) >= threshold).mean()),
        "held_out": None,
    }
    if prepared.y.ndim == 1 and len(prepared.classes) >= EVERY:
        held = np.arange(0, len(prepared.classes), EVERY)
        content["held_out"] = _held_out(prepared.y[test], similar, prepared.y[rows], held, product)
        content["held_out"]["classes"] = [str(prepared.classes[place]) for place in held.tolist()]
    return content


def _held_out(
    y: NDArray[np.int64],
    similar: NDArray[np.float64],
    of_case: NDArray[np.int64],
    held: NDArray[np.int64],
    product: Product,
) -> dict[str, Any]:
    inside = ~np.isin(y, held)
    score = similar[:, ~np.isin(of_case, held)].max(axis=1)
    settings = product.evaluate
    found = estimates(judge("binary", inside.astype(np.int64), score, ["roc_auc"]), settings.resamples)["roc_auc"]
    kept = np.quantile(score[inside], 1.0 - KEPT)
    return {
        "texts": int((~inside).sum()),
        "roc_auc": number(found),
        "fpr_at_95": json_number((score[~inside] >= kept).mean()),
    }


def _spread(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int))])
