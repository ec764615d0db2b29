"""One LightGBM model for all series: a direct forecast of every step of the horizon from rolling origins."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.blocks.models import Candidate
from pipelines.models.base import FitData, FitSettings
from pipelines.models.lightgbm import TreesModel
from pipelines.models.lightgbm import fit as fit_trees
from pipelines.problems.forecast.core.lags import Array, absolute
from pipelines.problems.forecast.core.prepared import Prepared, Samples
from pipelines.problems.forecast.train.outcome import Outcome
from pipelines.step import Step

WATCHED = 2_000  # rows that the second fit reports its loss on; it does not stop by them


def fit(step: Step, candidate: Candidate, prepared: Prepared) -> Outcome:
    """Twice for every seed.

    The first model learns from what was known before the valid steps and stops by their loss: its answers choose the
    candidate and make the quantiles. The second learns from what was known before the test steps, for as many rounds:
    it is the one that is judged and served.
    """
    settings = step.product.prepare.forecast
    early, late = prepared.origin_of("valid"), prepared.origin_of("test")
    first = prepared.samples(early, settings)
    second = prepared.samples(late, settings)
    valid, members, files, totals = _valid(prepared), [], [], [np.zeros(()), np.zeros(())]
    for place, seed in enumerate(candidate.seeds):
        stopped = fit_trees(_data(candidate, first, valid), _settings(step, candidate, seed, place, {}))
        rounds = {"iterations": stopped.best_iteration, "patience": stopped.best_iteration + 1}
        few = np.arange(min(WATCHED, len(second.y)))
        weight = None if second.weight is None else second.weight[few]
        seen = Samples(second.design.take(few), second.y[few], second.rows[few], second.origins[few], weight)
        final = fit_trees(_data(candidate, second, seen), _settings(step, candidate, seed, place, rounds))
        for number, (model, side) in enumerate(((stopped, "valid"), (final, "test"))):
            totals[number] = totals[number] + predict(prepared, model, side)
        names = final.save(step.out)
        files += names
        members.append({"seed": seed, "fold": None, "best_iteration": final.best_iteration, "files": names})
    record: dict[str, Any] = {
        "params": dict(candidate.params),
        "search": {"method": "none", "trials": []},
        "members": members,
        "rows": {"choosing": len(first.y), "serving": len(second.y)},
        "origins": {"choosing": len(np.unique(first.origins)), "serving": len(np.unique(second.origins))},
    }
    count = record["origins"]["serving"]
    how = f"learned from {len(second.y)} rows of {count} rolling origins; rounds chosen on the valid steps"
    early_answer, late_answer = (
        _demand(prepared, side, total / len(members)) for side, total in zip(("valid", "test"), totals, strict=True)
    )
    return Outcome(early_answer, late_answer, record, files, how)


def predict(prepared: Prepared, model: TreesModel, side: str) -> Array:
    """Relative forecasts of the rows of a side."""
    origin, rows = prepared.side(side)
    return model.predict(prepared.design(origin, rows))


def _demand(prepared: Prepared, side: str, relatives: Array) -> Array:
    origin, rows = prepared.side(side)
    return absolute(relatives, origin.level[prepared.series[rows]], prepared.spec.scale)


def _valid(prepared: Prepared) -> Samples:
    origin, rows = prepared.side("valid")
    y = prepared.relative_y(origin, rows)
    origins = np.full(len(rows), origin.step, dtype=np.int64)
    return Samples(prepared.design(origin, rows), y, rows, origins, prepared.weights(origin, rows))


def _data(candidate: Candidate, train: Samples, valid: Samples) -> FitData:
    """Squared errors are weighed by the inverse variance, absolute ones (the median) by its root."""
    weights = [one.weight for one in (train, valid)]
    if candidate.params.get("absolute_error"):
        weights = [None if weight is None else np.sqrt(weight) for weight in weights]
    return FitData("regression", 0, train.design, train.y, valid.design, valid.y, *weights)


def _settings(step: Step, candidate: Candidate, seed: int, place: int, over: dict[str, Any]) -> FitSettings:
    def progress(what: str, done: int, total: int) -> None:
        step.progress(f"model {place + 1} of {len(candidate.seeds)}: {what}", done, total)

    return FitSettings(
        seed=seed,
        params={**candidate.params, **over},
        profile=step.params.profile,
        progress=progress,
        label=str(seed),
    )
