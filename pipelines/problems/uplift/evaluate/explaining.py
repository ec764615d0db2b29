"""Which features make the uplift of each offer, over all rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import json_number, read_json
from pipelines.metrics.uplift_effects import Line
from pipelines.problems.uplift.answer.predictor import TreesScorer
from pipelines.problems.uplift.core.prepared import Prepared

MAX_ROWS = 500


def importance(prepared: Prepared, folder: Path, lines: list[Line], test: NDArray[np.int64]) -> dict[str, Any]:
    """Mean size of each feature's part in the uplift of each arm: SHAP values of the difference, on scale."""
    rows = test if len(test) <= MAX_ROWS else test[np.linspace(0, len(test) - 1, MAX_ROWS).astype(np.int64)]
    record = read_json(folder / "model.json")
    entry = {"learner": record["learner"], "folds": [member["files"] for member in record["members"]]}
    design = prepared.design.take(rows)
    scorer = TreesScorer(folder, entry)
    found = scorer.contributions(design)
    incomplete = float(np.max(np.abs(found.sum(axis=2) - scorer.uplift(design))))
    names = (*design.numeric_names, *design.categorical_names)
    arms = []
    for at, name in enumerate(prepared.arms.offers):
        size = np.abs(found[:, at, :-1]).mean(axis=0) * lines[at].trusted().slope
        total = float(size.sum()) or 1.0
        order = np.argsort(-size, kind="stable")
        arms.append(
            {
                "arm": str(name),
                "importance": [
                    {
                        "feature": names[place],
                        "mean_size": json_number(size[place], 6),
                        "share": json_number(size[place] / total, 6),
                    }
                    for place in order.tolist()
                ],
            }
        )
    return {
        "unit": "uplift",
        "method": "shap of the difference",
        "rows": len(rows),
        "incompleteness": json_number(incomplete, 3),
        "arms": arms,
    }
