"""A small model per series. Served as a table: its forecasts from the origin that is judged and from the last one."""

from __future__ import annotations

import numpy as np

from pipelines.blocks.models import Candidate
from pipelines.files import json_number, write_json
from pipelines.models.statistical import forecast
from pipelines.models.statistical.forecasting import resolved
from pipelines.problems.forecast.core.lags import Array
from pipelines.problems.forecast.core.prepared import Prepared
from pipelines.problems.forecast.train.outcome import Outcome
from pipelines.step import Step

FILE = "forecasts.json"


def fit(step: Step, candidate: Candidate, prepared: Prepared) -> Outcome:
    """Fit each series three times: before the valid steps, before the test steps, and on all that is known."""
    params = resolved(candidate.params)
    spec = prepared.spec
    origins = {"valid": prepared.origin_of("valid"), "test": prepared.origin_of("test"), "last": prepared.last}
    tables: dict[str, Array] = {}
    for name, origin in origins.items():
        past = prepared.history.cut(prepared.history.start, origin + 1).values.astype(np.float64)
        made = forecast(past, spec.rhythm.season, spec.horizon, candidate.params, step.progress)
        tables[name] = np.array([json_number(value) for value in made.ravel().tolist()], dtype=np.float64).reshape(
            made.shape
        )
    answers = {}
    for side in ("valid", "test"):
        _, rows = prepared.side(side)
        ahead = prepared.steps[rows] - origins[side] - 1
        answers[side] = tables[side][prepared.series[rows], ahead]
    served = {
        str(origins[name]): [[json_number(value) for value in row] for row in tables[name].tolist()]
        for name in ("test", "last")
    }
    write_json(step.out / FILE, {"horizon": spec.horizon, "forecasts": served})
    members = [{"seed": 0, "fold": None, "best_iteration": 0, "files": [FILE]}]
    record = {"params": params, "search": {"method": "none", "trials": []}, "members": members}
    how = f"{params['method']}, one model for each of {len(prepared.history.keys)} series"
    return Outcome(answers["valid"], answers["test"], record, [FILE], how)
