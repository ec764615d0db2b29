"""Rolling-origin evaluation: the judged model, unchanged, from later and later origins inside the test steps.

It has learned from nothing after the first of these origins; at each later one it only sees the demand that has come
in since, as it would in production between two retrainings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.files import read_json
from pipelines.metrics.forecast import POINT
from pipelines.models import load_model
from pipelines.models.sequence import SequenceNet
from pipelines.problems.common.slicing import numbers
from pipelines.problems.common.trained import Answers
from pipelines.problems.forecast.answer.forecaster import blend
from pipelines.problems.forecast.core.lags import Array, Origin, absolute
from pipelines.problems.forecast.core.prepared import Prepared, Rows
from pipelines.problems.forecast.core.window import relatives
from pipelines.problems.forecast.evaluate.choosing import Picked
from pipelines.problems.forecast.evaluate.measuring import judge_of, measure, scales
from pipelines.step import Step

ORIGINS = 4
Asked = Callable[[Origin, Rows], Array]


def evaluate(step: Step, prepared: Prepared, choice: dict[str, Any], picked: Picked) -> list[dict[str, Any]]:
    """One entry per origin: the steps that were left to forecast, rows, and the point measures with intervals.

    Empty where a statistical model was chosen: it is fitted anew at every origin.
    """
    if any(one.family == "statistical" for one in picked.members):
        return []
    asked = [_asked(prepared, one) for one in picked.members]
    spec, first = prepared.spec, prepared.origin_of("test")
    scale = scales(prepared, "test")
    metric = choice["metric"]["name"]
    found = []
    for part in range(min(ORIGINS, spec.horizon)):
        origin = prepared.origin(first + round(spec.horizon * part / ORIGINS))
        rows = prepared.side("test")[1]
        rows = rows[prepared.steps[rows] > origin.step]
        level = origin.level[prepared.series[rows]]
        point = blend([absolute(one(origin, rows), level, spec.scale) for one in asked], picked.weights)
        names = list(dict.fromkeys([name for name in (metric, "wape", "mase") if name in POINT]))
        judged = measure(step.product, judge_of(prepared, rows, point, scale, names=names))
        found.append({"after": origin.step - first, "rows": len(rows), "metrics": numbers(judged)})
    return found


def _asked(prepared: Prepared, member: Answers) -> Asked:
    """Relative forecasts of a model for rows from any origin."""
    if member.family == "sequence":
        nets = [SequenceNet.load(member.folder / name) for name in read_json(member.folder / "model.json")["files"]]
        return lambda origin, rows: relatives(nets, origin, prepared.series[rows], prepared.design(origin, rows))
    model = load_model(member.folder)
    return lambda origin, rows: model.predict(prepared.design(origin, rows))
