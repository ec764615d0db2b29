"""Real tables from scikit-learn as one fit, for tests of the learners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipelines.blocks.models import Profile
from pipelines.features.design import Design
from pipelines.files import write_json
from pipelines.models.base import FitData, FitSettings

NET = {"members": 4, "width": 32, "bins": 8, "embedding": 4, "batch": 32, "epochs": 8, "learning_rate": 0.005}
CLASSES = {"binary": 2, "multiclass": 3, "regression": 0}


def data(task: Any, *, categorical: bool = True, weight: bool = False) -> FitData:
    """Breast cancer, wine or diabetes: two thirds to train, one to stop on; some values missing, one category."""
    from sklearn import datasets

    loader = {"binary": "load_breast_cancer", "multiclass": "load_wine", "regression": "load_diabetes"}[task]
    x, y = getattr(datasets, loader)(return_X_y=True)
    rng = np.random.default_rng(3)
    order = rng.permutation(len(y))
    numeric = x[order].astype(np.float32)
    codes = np.digitize(numeric[:, 0], np.quantile(numeric[:, 0], [0.25, 0.5, 0.75])).astype(np.int32)[:, None]
    numeric[rng.random(numeric.shape) < 0.05] = np.nan
    if not categorical:
        codes = codes[:, :0]
    names = tuple(f"größe {place}: {{}}" for place in range(numeric.shape[1]))
    design = Design(numeric, codes, names, ("quarter",)[: codes.shape[1]], (5,)[: codes.shape[1]])
    target = y[order].astype(np.float64 if task == "regression" else np.int64)
    cut = 2 * len(y) // 3
    train, valid = np.arange(cut), np.arange(cut, len(y))
    return FitData(
        task,
        CLASSES[task],
        design.take(train),
        target[train],
        design.take(valid),
        target[valid],
        np.linspace(0.5, 1.5, cut) if weight else None,
    )


def quality(fitted: FitData, answer: Any) -> float:
    """On the valid rows: accuracy, or the share of the variance explained."""
    y = fitted.y_valid
    if fitted.task == "regression":
        return float(1.0 - np.mean((answer - y) ** 2) / np.var(y))
    chosen = answer > 0.5 if fitted.task == "binary" else answer.argmax(axis=1)
    return float(np.mean(chosen == y))


def nets(folder: Path, task: Any, seeds: int = 3) -> list[Any]:
    """``model.json`` and one trained network per seed in ``folder``; returns the networks."""
    from pipelines.models import tabm

    found, members = [], []
    for seed in range(seeds):
        model = tabm.fit(data(task), FitSettings(seed, NET, Profile(threads=1), label=str(seed)))
        members.append({"seed": seed, "best_iteration": model.best_iteration, "files": model.save(folder)})
        found.append(model)
    classes = list(range(CLASSES[task]))
    write_json(folder / "model.json", {"family": "tabm", "task": task, "classes": classes, "members": members})
    return found
