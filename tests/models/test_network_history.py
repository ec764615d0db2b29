"""Columns that repeat over time are read as a sequence by the network, exported and explained like all others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.blocks.models import Profile
from pipelines.errors import ConfigError
from pipelines.features.design import Design
from pipelines.files import write_json
from pipelines.models import load_model, tabm
from pipelines.models.base import FitData, FitSettings
from pipelines.problems.common.scorers import OnnxScorer
from pipelines.problems.common.trained import Answers
from pipelines.problems.tabular.evaluate.gradients import integrated_gradients
from pipelines.problems.tabular.export import onnx_nets

STEPS = {"bill": ["bill_3", "bill_2", "bill_1", "bill_0"], "paid": ["paid_3", "paid_2", "paid_1", "paid_0"]}
NET = {"members": 2, "width": 16, "bins": 8, "embedding": 4, "batch": 64, "epochs": 12, "learning_rate": 0.01}
SETTINGS = FitSettings(0, {**NET, "steps": STEPS, "channels": 8}, Profile(threads=1))
NAMES = ("age", *sorted(STEPS["bill"]), *sorted(STEPS["paid"]))


def data() -> FitData:
    """The outcome is whether a bill ever rose beyond what was paid in the step before: a pattern of neighbours."""
    rng = np.random.default_rng(5)
    numeric = rng.normal(size=(2400, 9)).astype(np.float32)
    bill, paid = numeric[:, 4:0:-1], numeric[:, 8:4:-1]
    y = ((bill[:, 1:] - bill[:, :-1] - paid[:, :-1]) > 2.0).any(axis=1).astype(np.int64)
    numeric[rng.random(numeric.shape) < 0.03] = np.nan
    design = Design(numeric, np.zeros((2400, 0), np.int32), NAMES, (), ())
    train, valid = np.arange(1800), np.arange(1800, 2400)
    return FitData("binary", 2, design.take(train), y[train], design.take(valid), y[valid])


def area(y: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve, by ranks."""
    ranks, positive = np.argsort(np.argsort(score, kind="stable")), y == 1
    return float((ranks[positive].mean() - (positive.sum() - 1) / 2) / (~positive).sum())


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, FitData]:
    folder, rows = tmp_path_factory.mktemp("history"), data()
    model = tabm.fit(rows, SETTINGS)
    members = [{"seed": 0, "best_iteration": model.best_iteration, "files": model.save(folder)}]
    write_json(folder / "model.json", {"family": "tabm", "task": "binary", "classes": [0, 1], "members": members})
    return folder, model, rows


def test_steps_are_taken_from_the_named_columns_oldest_first(fitted: tuple[Path, Any, FitData]) -> None:
    _, model, rows = fitted
    assert model.net.shape.steps == ((4, 8), (3, 7), (2, 6), (1, 5))
    plain = tabm.fit(rows, replace(SETTINGS, params=NET))
    assert plain.net.history is None
    neighbours, columns = (area(rows.y_valid, one.predict(rows.valid)) for one in (model, plain))
    assert neighbours > columns + 0.03, "a pattern of neighbouring steps is found sooner by a convolution"
    assert model.net.layers[0].weight.shape[0] == plain.net.layers[0].weight.shape[0] + 4 * 8


def test_it_learns_and_answers_the_same_once_saved_and_as_a_graph(fitted: tuple[Path, Any, FitData]) -> None:
    folder, model, rows = fitted
    answer = model.predict(rows.valid)
    assert area(rows.y_valid, answer) > 0.8
    assert np.array_equal(load_model(folder).predict(rows.valid), answer)
    (folder / "net.onnx").write_bytes(onnx_nets.build(folder, ["net_0.safetensors"], "binary"))
    assert OnnxScorer([folder / "net.onnx"]).score(rows.valid) == pytest.approx(answer, abs=1e-5)


def test_explanations_name_columns_and_add_up(fitted: tuple[Path, Any, FitData]) -> None:
    folder, _, rows = fitted
    usual = {"numeric": [0.0] * len(NAMES), "categorical": []}
    member = Answers("history", "tabm", folder, np.arange(20), np.zeros(20))
    found = integrated_gradients(member, 1.0, rows.valid.take(np.arange(20)), usual)
    assert found.values.shape == (20, 9)
    assert found.values.sum(axis=1) + found.base == pytest.approx(found.raw, abs=0.05)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (["bill_0"], "must name lists of columns"),
        ({"bill": "bill_0"}, "must name lists of columns"),
        ({"bill": ["bill_0", "bill_1"], "paid": ["paid_0"]}, "bill 2, paid 1"),
        ({"bill": ["bill_0"]}, "at least two"),
        ({"bill": ["bill_0", "bill_9"]}, "'bill_9', which is no numeric feature"),
    ],
)
def test_steps_that_cannot_be_are_refused(steps: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        tabm.fit(data(), replace(SETTINGS, params={**NET, "steps": steps}))


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ConfigError, match="kernel must be odd"):
        tabm.fit(data(), replace(SETTINGS, params={**NET, "steps": STEPS, "kernel": 2}))
