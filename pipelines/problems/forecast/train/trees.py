"""One LightGBM model for all series: a direct forecast of every step of the horizon from rolling origins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.blocks.models import Candidate
from pipelines.files import json_number
from pipelines.models.base import FitData, FitSettings
from pipelines.models.lightgbm import TreesModel
from pipelines.models.lightgbm import fit as fit_trees
from pipelines.problems.forecast.core.lags import Array, absolute
from pipelines.problems.forecast.core.prepared import Prepared, Samples
from pipelines.problems.forecast.train.outcome import Outcome, shift
from pipelines.step import Step

WATCHED = 2_000  # rows that the second fit reports its loss on; it does not stop by them


def fit(step: Step, candidate: Candidate, prepared: Prepared) -> Outcome:
    """Twice for every seed.

    The first model learns from what was known before the valid steps and stops by their loss: its answers choose the
    candidate and make the quantiles. The second learns from what was known before the test steps, for as many rounds:
    it is the one that is judged and served. On the log scale both are moved to where the key metric wants them
    (:func:`shift`).
    """
    settings = step.product.prepare.forecast
    early, late = prepared.origin_of("valid"), prepared.origin_of("test")
    first = prepared.samples(early, settings)
    second = prepared.samples(late, settings)
    valid, seeds = prepared.whole_side("valid"), list(enumerate(candidate.seeds))
    stopped = [
        fit_trees(_data(candidate, first, valid), _settings(step, candidate, seed, at, {})) for at, seed in seeds
    ]
    early_answer = _mean([predict(prepared, model, "valid") for model in stopped])
    moved = shift(prepared.spec.scale, step.product.evaluate.metric, valid.y - early_answer)
    members, files, answers = [], [], []
    for place, seed in seeds:
        rounds = {"iterations": stopped[place].best_iteration, "patience": stopped[place].best_iteration + 1}
        few = np.arange(min(WATCHED, len(second.y)))
        weight = None if second.weight is None else second.weight[few]
        seen = Samples(second.design.take(few), second.y[few], second.rows[few], second.origins[few], weight)
        final = fit_trees(_data(candidate, second, seen), _settings(step, candidate, seed, place, rounds))
        final.move(moved)
        answers.append(predict(prepared, final, "test"))
        names = final.save(step.out)
        files += names
        members.append({"seed": seed, "fold": None, "best_iteration": final.best_iteration, "files": names})
    record: dict[str, Any] = {
        "params": dict(candidate.params),
        "search": {"method": "none", "trials": []},
        "members": members,
        "rows": {"choosing": len(first.y), "serving": len(second.y)},
        "origins": {"choosing": len(np.unique(first.origins)), "serving": len(np.unique(second.origins))},
        "shift": json_number(moved),
    }
    count = record["origins"]["serving"]
    how = f"learned from {len(second.y)} rows of {count} rolling origins; rounds chosen on the valid steps"
    valid_demand = _demand(prepared, "valid", early_answer + moved)
    return Outcome(valid_demand, _demand(prepared, "test", _mean(answers)), record, files, how)


def _mean(answers: Sequence[Array]) -> Array:
    return np.asarray(np.mean(answers, axis=0), dtype=np.float64)


def predict(prepared: Prepared, model: TreesModel, side: str) -> Array:
    """Relative forecasts of the rows of a side."""
    origin, rows = prepared.side(side)
    return model.predict(prepared.design(origin, rows))


def _demand(prepared: Prepared, side: str, relatives: Array) -> Array:
    origin, rows = prepared.side(side)
    return absolute(relatives, origin.level[prepared.series[rows]], prepared.spec.scale)


def _data(candidate: Candidate, train: Samples, valid: Samples) -> FitData:
    """Squared errors are weighed by the inverse variance, absolute ones (the median, a quantile) by its root."""
    weights = [one.weight for one in (train, valid)]
    if candidate.params.get("absolute_error") or candidate.params.get("quantile"):
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
