"""Small networks with random weights, fitted bins and a saved file, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipelines.features.design import Design
from pipelines.files import write_json

CLASSES = {"binary": 2, "multiclass": 3, "regression": 0}


def rows(n: int, p: int, q: int, seed: int = 0) -> Design:
    rng = np.random.default_rng(seed)
    numeric = rng.normal(0, 50, (n, p)).astype(np.float32)
    numeric[rng.random((n, p)) < 0.15] = np.nan
    return Design(
        numeric,
        rng.integers(0, 4, (n, q)).astype(np.int32),
        tuple(f"n{j}" for j in range(p)),
        tuple(f"c{j}" for j in range(q)),
        (4,) * q,
    )


def saved(folder: Path, task: Any, p: int = 3, q: int = 2, depth: int = 2, seeds: int = 1) -> list[Any]:
    """``model.json`` and one network per seed in ``folder``; returns the networks."""
    import torch

    from pipelines.models.tabm.encoding import fit_bins
    from pipelines.models.tabm.model import NetModel
    from pipelines.models.tabm.net import Shape, TabM

    found, members = [], []
    for seed in range(seeds):
        torch.manual_seed(seed)
        shape = Shape(p, 6, (4,) * q, max(1, CLASSES[task] if task == "multiclass" else 1), 4, 16, depth, 5, 0.1)
        net = TabM(shape)
        if net.numbers is not None:
            fit_bins(net.numbers, rows(200, p, q).numeric)
        for table in net.codes:
            torch.nn.init.normal_(table.weight)
        scale = (7.0, 3.0) if task == "regression" else (0.0, 1.0)
        model = NetModel(net.eval(), task, 1, f"net_{seed}", *scale)
        members.append({"seed": seed, "best_iteration": 1, "files": model.save(folder)})
        found.append(model)
    classes = list(range(CLASSES[task]))
    write_json(folder / "model.json", {"family": "tabm", "task": task, "classes": classes, "members": members})
    return found
