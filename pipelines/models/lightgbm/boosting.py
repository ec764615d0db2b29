"""Gradient-boosted trees with LightGBM: deterministic, early-stopped, kept as LightGBM's own text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError, ConfigError
from pipelines.features.design import Design
from pipelines.files import write_text
from pipelines.models.base import FitData, FitSettings, FloatArray, Task
from pipelines.models.hyper import resolve

DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 15,
    "max_depth": -1,
    "min_data_in_leaf": 40,
    "min_sum_hessian_in_leaf": 1e-3,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l1": 0.0,
    "lambda_l2": 30.0,
    "min_gain_to_split": 0.0,
    "extra_trees": False,
    "path_smooth": 0.0,
    "max_bin": 127,
    "cat_smooth": 10.0,
    "cat_l2": 10.0,
    "absolute_error": False,  # regression: the median instead of the mean
    "quantile": 0.0,  # regression: the quantile of this level instead of the mean; 0: the mean
    "monotone": {},  # numeric feature -> 1: the answer may only rise with it, -1: only fall
    "iterations": 2000,  # trees at most, per class
    "patience": 100,  # rounds without a better validation loss before it stops
    "stop_early": True,  # false: all iterations, whatever the validation rows say
}
OBJECTIVE = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
METRIC = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "l2"}
PROGRESS_EVERY = 20  # rounds


@dataclass(frozen=True)
class TreesModel:
    """A fitted booster.

    Attributes:
        booster: ``lightgbm.Booster``; numeric columns first, then categorical codes.
        task: what it answers.
        best_iteration: rounds kept.
        name: stem of its file.
    """

    booster: Any
    task: Task
    best_iteration: int
    name: str

    def predict(self, design: Design) -> FloatArray:
        """See :meth:`pipelines.models.base.Model.predict`."""
        answer = self.booster.predict(matrix(design), num_iteration=self.best_iteration)
        return np.asarray(answer, dtype=np.float64)

    def move(self, by: float) -> None:
        """Add a constant to every raw answer, in the leaves of the first tree: each form of the model has it."""
        if by:
            first = self.booster.dump_model(num_iteration=1)["tree_info"][0]["num_leaves"]
            for leaf in range(first):
                self.booster.set_leaf_output(0, leaf, self.booster.get_leaf_output(0, leaf) + by)

    def save(self, folder: Path) -> list[str]:
        """Write ``<name>.txt``, only the rounds kept."""
        write_text(folder / f"{self.name}.txt", self.booster.model_to_string(num_iteration=self.best_iteration))
        return [f"{self.name}.txt"]


def matrix(design: Design) -> NDArray[np.float32]:
    """Numeric columns, then categorical codes, float32 ``[n, p + q]``; LightGBM's input, offline and served."""
    return np.hstack([design.numeric, design.categorical.astype(np.float32)])


def fit(data: FitData, settings: FitSettings) -> TreesModel:
    """Boost until the validation loss has not improved for ``patience`` rounds, or for all rounds.

    Raises:
        ConfigError: a hyper-parameter that LightGBM or :data:`DEFAULTS` does not know.
    """
    import lightgbm as lgb

    chosen = resolve("lightgbm", DEFAULTS, settings.params)
    aim = _aim(data.task, bool(chosen.pop("absolute_error")), float(chosen.pop("quantile")))
    iterations, patience = chosen.pop("iterations"), chosen.pop("patience")
    stops = chosen.pop("stop_early")
    directions = _directions(chosen.pop("monotone"), data.train)
    native = {
        **chosen,
        **aim,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.profile.threads,
        "verbosity": -1,
        **directions,
    }
    if data.task == "multiclass":
        native["num_class"] = data.classes
    columns = _columns(data.train)
    binning = {"feature_pre_filter": False, **native}
    train = lgb.Dataset(matrix(data.train), data.y_train, weight=data.weight, params=binning, **columns)
    valid = lgb.Dataset(
        matrix(data.valid), data.y_valid, weight=data.valid_weight, reference=train, params=binning, **columns
    )
    callbacks = [lgb.early_stopping(patience, verbose=False)] if stops else []
    if settings.progress is not None:
        callbacks.append(_progress(settings.progress, iterations))
    try:
        booster = lgb.train(native, train, iterations, valid_sets=[valid], callbacks=callbacks)
    except lgb.basic.LightGBMError as error:
        raise ConfigError(
            f"LightGBM refused the hyper-parameters: {error}",
            where={"key": "candidates.*.params"},
            next_step="mend the value that it names",
        ) from error
    best = booster.best_iteration or booster.current_iteration()
    return TreesModel(booster, data.task, int(best), f"trees_{settings.label}")


def load(folder: Path, files: Sequence[str]) -> TreesModel:
    """A booster from its text file.

    Raises:
        BundleError: the file is not a LightGBM model.
    """
    import lightgbm as lgb

    text = (folder / files[0]).read_text(encoding="utf-8")
    try:
        booster = lgb.Booster(model_str=text)
    except lgb.basic.LightGBMError as error:
        raise BundleError(
            f"not a LightGBM model: {error}", where={"file": files[0]}, next_step="train or pack the model again"
        ) from error
    objective = str(booster.dump_model(num_iteration=0)["objective"]).split()[0]
    task: Task = "binary" if objective == "binary" else "multiclass" if objective == "multiclass" else "regression"
    return TreesModel(booster, task, booster.current_iteration(), files[0].removesuffix(".txt"))


def _aim(task: Task, median: bool, quantile: float) -> dict[str, Any]:
    """What the trees answer: a regression's mean, median or another quantile."""
    if quantile >= 1.0 or (median and quantile):
        raise ConfigError(
            "quantile must be a level below 1" if quantile >= 1.0 else "absolute_error is the quantile 0.5",
            where={"key": "candidates.*.params"},
            next_step="give one of them",
        )
    if task == "regression" and quantile:
        return {"objective": "quantile", "metric": "quantile", "alpha": quantile}
    if task == "regression" and median:
        return {"objective": "regression_l1", "metric": "l1"}
    return {"objective": OBJECTIVE[task], "metric": METRIC[task]}


def _directions(monotone: Mapping[str, int], design: Design) -> dict[str, Any]:
    if not monotone:
        return {}
    strange = [name for name in monotone if name not in design.numeric_names]
    if strange or not set(monotone.values()) <= {-1, 0, 1}:
        raise ConfigError(
            f"no numeric feature {strange[0]!r}" if strange else "a direction is -1, 0 or 1",
            where={"key": "candidates.*.params.monotone"},
            next_step=f"choose among: {', '.join(design.numeric_names)}" if strange else "mend that value",
        )
    names = (*design.numeric_names, *design.categorical_names)
    return {"monotone_constraints": [int(monotone.get(name, 0)) for name in names]}


def _columns(design: Design) -> dict[str, Any]:
    """LightGBM refuses JSON signs in names, so features are named by place."""
    width = len(design.numeric_names)
    places = list(range(width, width + len(design.categorical_names)))
    names = [f"f{place}" for place in range(width + len(places))]
    return {"feature_name": names, "categorical_feature": places, "free_raw_data": True}


def _progress(progress: Any, iterations: int) -> Any:
    def callback(environment: Any) -> None:
        if environment.iteration % PROGRESS_EVERY == 0:
            progress("trees", environment.iteration + 1, iterations)

    return callback
