"""The leakage measures: a disguised target is told from an honest feature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pipelines.features.tabular import fit, transform
from pipelines.problems.tabular.prepare.leakage import equal_to_target, out_of_fold_means, rank_auc, single_feature_auc

COUNT = 600
RNG = np.random.default_rng(3)
Y = RNG.integers(0, 2, COUNT)
VALUE = RNG.normal(size=COUNT)


def alone(values: np.ndarray, y: np.ndarray = Y, task: str = "binary", classes: int = 2, kind: str = "num") -> float:
    numeric, categorical = (["f"], []) if kind == "num" else ([], ["f"])
    columns = {"f": values}
    state = fit(columns, numeric, categorical)
    return single_feature_auc(transform(state, columns), y, task, classes)["f"]  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60))
def test_rank_auc_equals_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    score = np.array([float(value) for value, _ in pairs])
    goal = np.array([float(flag) for _, flag in pairs])
    expected = roc_auc_score(goal, score) if 0 < goal.sum() < len(goal) else 0.5
    assert rank_auc(score, goal) == pytest.approx(expected, abs=1e-12)


DISGUISES = {
    "a rising copy": np.exp(Y + 0.01 * RNG.normal(size=COUNT)),
    "a falling copy": -3.0 * Y + 0.1 * RNG.normal(size=COUNT),
    "both ends": np.where(Y == 1, RNG.choice([-1.0, 1.0], COUNT) * RNG.uniform(2, 3, COUNT), RNG.uniform(-1, 1, COUNT)),
    "missing when positive": np.where(Y == 1, np.nan, VALUE),
    "one telling value": np.where(Y == 1, 0.25, VALUE),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_stands_out(name: str) -> None:
    assert alone(DISGUISES[name]) > 0.98


def test_a_category_that_codes_the_target_stands_out() -> None:
    codes = np.where(Y == 1, RNG.choice(["b", "d"], COUNT), RNG.choice(["a", "c"], COUNT)).astype(object)
    assert alone(codes, kind="cat") > 0.98


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_noise_does_not_stand_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert alone(rng.normal(size=COUNT)) < 0.65
    assert alone(rng.integers(0, 40, COUNT).astype(str).astype(object), kind="cat") < 0.65


def test_several_classes_and_a_quantity() -> None:
    three = RNG.integers(0, 3, COUNT)
    assert alone((three == 1) + 0.01 * VALUE, three, "multiclass", 3) > 0.98
    assert alone(VALUE, three, "multiclass", 3) < 0.65
    quantity = RNG.normal(size=COUNT)
    assert alone(-(quantity**3), quantity, "regression", 0) > 0.98
    assert alone(VALUE, quantity, "regression", 0) < 0.65


def test_out_of_fold_means_never_use_the_rows_own_fold() -> None:
    means = out_of_fold_means(np.array([0, 0, 0, 1]), np.array([1.0, 0.0, 0.0, 1.0]), np.array([0, 1, 1, 0]))
    assert means.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_a_renamed_target_is_found_by_name_only_when_it_is_one_to_one() -> None:
    target = ["0", "1", "0", "1"]
    columns = {"same": ["no", "yes", "no", "yes"], "finer": ["a", "b", "c", "b"], "constant": ["x"] * 4}
    assert equal_to_target(columns, target) == ["same"]
    assert equal_to_target({"constant": ["x"] * 4}, ["0"] * 4) == []
