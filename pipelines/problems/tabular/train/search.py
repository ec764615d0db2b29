"""Hyper-parameter search with Optuna: a stated number of trials, judged on the valid rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Candidate, Profile
from pipelines.errors import ConfigError
from pipelines.models import fit_model
from pipelines.models.base import FitData, FitSettings, FloatArray
from pipelines.step import Progress

RANGES = ("int", "float", "log")


@dataclass(frozen=True)
class Trial:
    """One model tried: what was varied, and its loss on the valid rows (lower is better)."""

    params: dict[str, Any]
    loss: float
    chosen: bool = False


@dataclass(frozen=True)
class Found:
    """The hyper-parameters to train with, over the family's defaults, and how they were found."""

    params: dict[str, Any]
    trials: list[Trial] = field(default_factory=list)


def search(candidate: Candidate, data: FitData, profile: Profile, progress: Progress) -> Found:
    """Try ``search.trials`` models with the first seed and keep the best; the candidate's own params come first.

    ``grid`` visits the choices in a shuffled order fixed by the seed (a range is not allowed there), ``random``
    draws, ``tpe`` is the Tree-structured Parzen Estimator (Bergstra et al. 2011), all through Optuna, seeded. The
    candidate's params as they stand are the first trial, so that a search never ends worse on the valid rows.

    Raises:
        ConfigError: a space that cannot be searched.
    """
    base = dict(candidate.params)
    plan = candidate.search
    if plan.method == "none" or plan.trials == 0 or not plan.space:
        return Found(base)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = candidate.seeds[0]
    study = optuna.create_study(direction="minimize", sampler=_sampler(plan.method, plan.space, seed))
    trials: list[Trial] = []

    def loss_of(params: dict[str, Any]) -> float:
        model = fit_model(candidate.family, data, FitSettings(seed, {**base, **params}, profile))
        return loss(data, model.predict(data.valid))

    def objective(trial: Any) -> float:
        params = {name: _suggest(trial, name, choices) for name, choices in plan.space.items()}
        trials.append(Trial(params, loss_of(params)))
        progress("search", len(trials), plan.trials)
        return trials[-1].loss

    trials.append(Trial({}, loss_of({})))
    progress("search", 1, plan.trials)
    study.optimize(objective, n_trials=plan.trials - 1)
    best = min(range(len(trials)), key=lambda place: trials[place].loss)
    marked = [Trial(trial.params, trial.loss, place == best) for place, trial in enumerate(trials)]
    return Found({**base, **trials[best].params}, marked)


def loss(data: FitData, answer: FloatArray) -> float:
    """Log loss (binary, multiclass) or mean squared error (regression) on the valid rows."""
    y: NDArray[Any] = data.y_valid
    if data.task == "regression":
        return float(np.mean((answer - y) ** 2))
    own = np.where(y == 1, answer, 1.0 - answer) if data.task == "binary" else answer[np.arange(len(y)), y]
    return float(-np.mean(np.log(np.clip(own, 1e-15, 1.0))))


def _sampler(method: str, space: Mapping[str, list[Any]], seed: int) -> Any:
    import optuna

    if method == "grid":
        ranges = sorted(name for name, choices in space.items() if is_range(choices))
        if ranges:
            raise ConfigError(
                f"a grid needs choices, {ranges[0]!r} is a range",
                where={"key": "candidates.*.search.space"},
                next_step="list its values, or search with random or tpe",
            )
        return optuna.samplers.GridSampler({name: list(choices) for name, choices in space.items()}, seed=seed)
    if method == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)


def is_range(choices: list[Any]) -> bool:
    """Whether a space's entry is ``[low, high, 'int' | 'float' | 'log']``."""
    return len(choices) == 3 and choices[2] in RANGES


def _suggest(trial: Any, name: str, choices: list[Any]) -> Any:
    if not choices:
        raise ConfigError(
            f"no choice for {name!r}", where={"key": "candidates.*.search.space"}, next_step="list its values"
        )
    if not is_range(choices):
        return trial.suggest_categorical(name, choices)
    low, high, kind = choices
    if not low < high or (kind == "log" and low <= 0):
        raise ConfigError(
            f"{name!r}: {low} to {high} is no range",
            where={"key": "candidates.*.search.space"},
            next_step="put the lower end first (above 0 for log)",
        )
    if kind == "int":
        return trial.suggest_int(name, int(low), int(high))
    return trial.suggest_float(name, float(low), float(high), log=kind == "log")
