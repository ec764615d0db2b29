"""Uplift from boosted trees, two ways.

- ``t``: one model of the outcome per arm and one for the control; uplift is their difference (T-learner; Kuenzel,
  Sekhon, Bickel and Yu 2019, Metalearners for estimating heterogeneous treatment effects, PNAS 116).
- ``dr``: outcome models, cross-fitted inside the train rows, give each row the doubly robust score of each arm; one
  model per arm learns the score from the features (DR-learner; Kennedy 2023, Towards optimal doubly robust estimation
  of heterogeneous causal effects, Electronic Journal of Statistics 17). The arms' shares are known.

All trees minimise squared error, so that uplift is a sum of trees in the units of the outcome and its SHAP values are
the difference of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.features.design import Design
from pipelines.files import write_text
from pipelines.models.base import FitSettings
from pipelines.models.hyper import resolve
from pipelines.models.lightgbm import matrix

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEARNERS = ("t", "dr")
DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 6,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 100.0,
    "max_bin": 63,
    "cat_smooth": 10.0,
    "cat_l2": 10.0,
    "iterations": 400,
    "patience": 40,
    "inner_folds": 2,
}


@dataclass(frozen=True)
class UpliftData:
    """Rows of one fit.

    Attributes:
        design: features ``[n]``.
        y: outcomes ``[n]``.
        arm: what was done, 0 the control, ``[n]``.
        shares: share of the control and of each arm among all customers, ``[k + 1]``.
    """

    design: Design
    y: NDArray[Any]
    arm: IntArray
    shares: FloatArray

    def take(self, rows: NDArray[Any]) -> UpliftData:
        """Only some rows."""
        return UpliftData(self.design.take(rows), self.y[rows], self.arm[rows], self.shares)


@dataclass(frozen=True)
class UpliftTrees:
    """A fitted learner.

    Attributes:
        learner: ``t`` or ``dr``.
        boosters: ``t``: outcome models of the control and each arm ``[k + 1]``; ``dr``: effect models ``[k]``.
        outcomes: outcome models of the control and each arm, a list each; the mean of the list answers.
        rounds: rounds kept, one per booster.
        label: in the names of its files.
    """

    learner: str
    boosters: Sequence[Any]
    outcomes: Sequence[Sequence[Any]]
    rounds: tuple[int, ...]
    label: str

    def uplift(self, design: Design) -> FloatArray:
        """Expected uplift of each arm over the control, ``[n, k]``."""
        return uplift_of(self.learner, [np.asarray(b.predict(matrix(design))) for b in self.boosters])

    def means(self, design: Design) -> FloatArray:
        """Expected outcome under the control and each arm, ``[n, k + 1]``."""
        inputs = matrix(design)
        per_arm = [np.mean([b.predict(inputs) for b in several], axis=0) for several in self.outcomes]
        return np.stack(per_arm, axis=1).astype(np.float64)

    def save(self, folder: Path) -> list[str]:
        """Write one text file per booster, in order, and return the names."""
        what = "outcome" if self.learner == "t" else "effect"
        first = 0 if self.learner == "t" else 1
        names = [f"{what}_{place}_{self.label}.txt" for place in range(first, first + len(self.boosters))]
        for name, booster in zip(names, self.boosters, strict=True):
            write_text(folder / name, booster.model_to_string())
        return names


def uplift_of(learner: str, answers: Sequence[NDArray[Any]]) -> FloatArray:
    """Answers of a learner's boosters as uplift ``[n, k]``; for SHAP values ``[n, f]`` each, ``[n, k, f]``."""
    stacked = np.stack([np.asarray(answer, dtype=np.float64) for answer in answers], axis=1)
    return stacked[:, 1:] - stacked[:, :1] if learner == "t" else stacked


def fit(data: UpliftData, held: UpliftData, settings: FitSettings) -> UpliftTrees:
    """Fit one learner; ``held`` rows stop each boosting early.

    Raises:
        ConfigError: a hyper-parameter that there is not, or a value out of range.
    """
    given = dict(settings.params)
    learner = given.pop("learner", "t")
    if learner not in LEARNERS:
        raise ConfigError(
            f"no uplift learner {learner!r}",
            where={"key": "candidates.*.params.learner"},
            next_step=f"choose one of: {', '.join(LEARNERS)}",
        )
    chosen = resolve("uplift_trees", DEFAULTS, given)
    if learner == "t":
        found = [_outcome(data, held, place, chosen, settings) for place in range(len(data.shares))]
        boosters = [booster for booster, _ in found]
        return UpliftTrees("t", boosters, [[b] for b in boosters], tuple(n for _, n in found), settings.label)
    return _doubly_robust(data, held, chosen, settings)


def _doubly_robust(data: UpliftData, held: UpliftData, chosen: dict[str, Any], settings: FitSettings) -> UpliftTrees:
    from pipelines.metrics.uplift_effects import robust_scores

    folds, arms = int(chosen["inner_folds"]), range(len(data.shares))
    part = np.random.Generator(np.random.PCG64(settings.seed)).permutation(len(data.y)) % max(folds, 2)
    means = np.zeros((len(data.y), len(arms)))
    outcomes: list[list[Any]] = [[] for _ in arms]
    held_means = np.zeros((len(held.y), len(arms)))
    for number in range(max(folds, 2)):
        inside = part == number
        seen = data.take(~inside)
        for place in arms:
            booster, _ = _outcome(seen, held, place, chosen, settings)
            outcomes[place].append(booster)
            means[inside, place] = booster.predict(matrix(data.design.take(inside)))
            held_means[:, place] += booster.predict(matrix(held.design)) / max(folds, 2)
    scores = robust_scores(data.y, data.arm, means, data.shares)
    held_scores = robust_scores(held.y, held.arm, held_means, data.shares)
    boosters, rounds = [], []
    for place in range(scores.shape[1]):
        booster, kept = _boost(data.design, scores[:, place], held.design, held_scores[:, place], chosen, settings)
        boosters.append(booster)
        rounds.append(kept)
    return UpliftTrees("dr", boosters, outcomes, tuple(rounds), settings.label)


def _outcome(
    data: UpliftData, held: UpliftData, place: int, chosen: dict[str, Any], settings: FitSettings
) -> tuple[Any, int]:
    rows, stop = np.flatnonzero(data.arm == place), np.flatnonzero(held.arm == place)
    return _boost(
        data.design.take(rows), data.y[rows], held.design.take(stop), held.y[stop], chosen, settings
    )  # fmt: skip


def _boost(
    design: Design, y: NDArray[Any], held: Design, held_y: NDArray[Any], chosen: dict[str, Any], settings: FitSettings
) -> tuple[Any, int]:
    """A booster of squared error, only the rounds kept, and their number; one thread, since the fits are small."""
    import lightgbm as lgb

    native = {name: value for name, value in chosen.items() if name not in ("iterations", "patience", "inner_folds")}
    native |= {
        "objective": "regression", "metric": "l2", "seed": settings.seed, "deterministic": True, "force_row_wise": True,
        "num_threads": 1, "verbosity": -1, "feature_pre_filter": False,
    }  # fmt: skip
    width = len(design.numeric_names)
    names = [f"f{place}" for place in range(width + len(design.categorical_names))]
    columns: dict[str, Any] = {"feature_name": names, "categorical_feature": list(range(width, len(names)))}
    train = lgb.Dataset(matrix(design), y, params=native, **columns)
    valid = lgb.Dataset(matrix(held), held_y, reference=train, params=native, **columns)
    stopping = lgb.early_stopping(chosen["patience"], verbose=False)
    try:
        booster = lgb.train(native, train, chosen["iterations"], valid_sets=[valid], callbacks=[stopping])
    except lgb.basic.LightGBMError as error:
        raise ConfigError(
            f"LightGBM refused the hyper-parameters: {error}",
            where={"key": "candidates.*.params"},
            next_step="mend the value that it names",
        ) from error
    kept = int(booster.best_iteration or booster.current_iteration())
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=kept)), kept
