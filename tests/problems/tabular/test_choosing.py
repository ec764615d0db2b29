from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.blocks.requirements import Costs
from pipelines.blocks.stages import Evaluate
from pipelines.metrics.calibration import sigmoid
from pipelines.problems.common.choosing import choose_members, decide_threshold, greedy_weights
from pipelines.problems.common.trained import Answers

SETTINGS = Evaluate(metric="roc_auc", resamples=300)


def world(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    x = rng.normal(-1.2, 1.3, n)
    return x, (rng.random(n) < sigmoid(x)).astype(np.int64), rng


def named(*models: str) -> list[Answers]:
    empty = np.empty(0)
    return [Answers(model, "lightgbm", Path(), empty.astype(np.int64), empty) for model in models]


def test_the_simpler_of_two_equal_models_is_chosen() -> None:
    x, y, rng = world()
    simple, other = (sigmoid(x + rng.normal(0, 0.02, len(x))) for _ in range(2))
    picked = choose_members("binary", y, named("simple", "other"), [simple, other], SETTINGS)
    assert picked.weights == {"simple": 1.0}
    assert "not better beyond noise" in picked.reason


def test_a_later_model_is_chosen_when_it_is_better_beyond_noise() -> None:
    x, y, rng = world()
    weak, strong = sigmoid(x + rng.normal(0, 1.5, len(x))), sigmoid(x)
    picked = choose_members("binary", y, named("weak", "strong"), [weak, strong], SETTINGS)
    assert picked.weights["strong"] > 0.8


def test_models_that_err_differently_make_an_ensemble() -> None:
    x, y, rng = world()
    left, right = (sigmoid(x + rng.normal(0, 1.0, len(x))) for _ in range(2))
    picked = choose_members("binary", y, named("left", "right"), [left, right], SETTINGS)
    assert set(picked.weights) == {"left", "right"}
    assert sum(picked.weights.values()) == pytest.approx(1.0)
    assert picked.gain is not None
    assert picked.gain.better(0.95)


def test_no_ensemble_where_params_forbid_it() -> None:
    x, y, rng = world()
    scores = [sigmoid(x + rng.normal(0, 1.0, len(x))) for _ in range(2)]
    settings = Evaluate(metric="roc_auc", resamples=300, ensemble=False)
    picked = choose_members("binary", y, named("left", "right"), scores, settings)
    assert list(picked.weights.values()) == [1.0]
    assert picked.gain is None


def test_regression_and_several_classes_are_chosen_by_their_own_measures() -> None:
    x, _, rng = world(1500)
    values = [x + rng.normal(0, 0.5, len(x)) for _ in range(2)]
    picked = choose_members("regression", x, named("a", "b"), values, Evaluate(metric="rmse", resamples=200))
    assert set(picked.weights) == {"a", "b"}
    assert picked.how == "mean"
    y = rng.integers(0, 3, 1500)
    right = np.eye(3)[y] * 0.5 + 1 / 6
    picked = choose_members(
        "multiclass", y, named("noise", "right"), [rng.dirichlet(np.ones(3), 1500), right], Evaluate(metric="log_loss")
    )
    assert list(picked.weights) == ["right"] or picked.weights["right"] > 0.9


def test_greedy_weights_give_nothing_to_noise() -> None:
    x, y, rng = world()
    assert greedy_weights("binary", y, [sigmoid(x), rng.random(len(y))], "logit")[0] >= 0.95


def test_the_threshold_comes_from_the_costs_and_is_compared_with_the_cheapest() -> None:
    x, y, _ = world(50_000)
    found = decide_threshold(y, sigmoid(x), Costs(false_positive=1.0, false_negative=5.0))
    assert found["threshold"] == pytest.approx(1 / 6)
    assert found["cheapest_cost_per_row"] <= found["cost_per_row"] <= found["cheapest_cost_per_row"] * 1.01
    assert found["cost_per_row"] < min(found["cost_of_acting_on_all"], found["cost_of_acting_on_none"])
    assert decide_threshold(y, sigmoid(x), None)["threshold"] == 0.5
