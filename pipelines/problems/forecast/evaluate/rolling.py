"""Rolling-origin evaluation: the judged model, unchanged, from later and later origins inside the test steps.

It has learned from nothing after the first of these origins; at each later one it only sees the demand that has come
in since, as it would in production between two retrainings.
"""

from __future__ import annotations

from typing import Any

from pipelines.metrics.forecast import POINT
from pipelines.models import load_model
from pipelines.problems.common.slicing import numbers
from pipelines.problems.forecast.core.lags import absolute
from pipelines.problems.forecast.core.prepared import Prepared
from pipelines.problems.forecast.evaluate.choosing import Picked
from pipelines.problems.forecast.evaluate.measuring import judge_of, measure, scales
from pipelines.step import Step

ORIGINS = 4


def evaluate(step: Step, prepared: Prepared, choice: dict[str, Any], picked: Picked) -> list[dict[str, Any]]:
    """One entry per origin: the steps that were left to forecast, rows, and the point measures with intervals.

    Empty where a statistical model was chosen: it is fitted anew at every origin.
    """
    if len(picked.members) != 1 or picked.members[0].family == "statistical":
        return []
    model = load_model(picked.members[0].folder)
    spec, first = prepared.spec, prepared.origin_of("test")
    scale = scales(prepared, "test")
    metric = choice["metric"]["name"]
    found = []
    for part in range(min(ORIGINS, spec.horizon)):
        origin = prepared.origin(first + round(spec.horizon * part / ORIGINS))
        rows = prepared.side("test")[1]
        rows = rows[prepared.steps[rows] > origin.step]
        level = origin.level[prepared.series[rows]]
        point = absolute(model.predict(prepared.design(origin, rows)), level, spec.scale)
        names = list(dict.fromkeys([name for name in (metric, "wape", "mase") if name in POINT]))
        judged = measure(step.product, judge_of(prepared, rows, point, scale, names=names))
        found.append({"after": origin.step - first, "rows": len(rows), "metrics": numbers(judged)})
    return found
