"""Targets, class balance, and which candidates the written rule trains."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled import PLAIN, product_of

from pipelines.blocks.columns import Columns
from pipelines.blocks.models import Candidate, Profile
from pipelines.errors import DataError
from pipelines.features.tabular import fit
from pipelines.problems.common import schema
from pipelines.problems.common.balance import training_weights
from pipelines.problems.common.targets import Targets, distinct
from pipelines.problems.tabular.train.candidates import NET_MAX_CELLS_CPU, NET_MIN_ROWS, decide


def columns(task: str = "binary", positive: Any = 1) -> Columns:
    return Columns(target="y", task=task, positive=positive, numeric=("a",))  # type: ignore[arg-type]


def objects(values: list[Any]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def test_the_positive_class_is_index_one_whatever_it_is_called() -> None:
    targets = Targets.learn(columns(positive="bad"), objects(["bad", "good", "bad"]))
    assert targets.classes == ("good", "bad")
    assert targets.encode(objects(["good", "bad"])).tolist() == [0, 1]
    assert Targets.learn(columns(positive=0), np.array([0, 1])).classes == (1, 0)


@pytest.mark.parametrize("stored", [np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0]), np.array(["0", "1", "1"])])
def test_labels_encode_alike_in_every_storage_type(stored: np.ndarray) -> None:
    assert Targets("binary", (0, 1)).encode(stored).tolist() == [0, 1, 1]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["é", "b", "a", "10", "9"]), min_size=2).filter(lambda labels: len(set(labels)) > 1))
def test_classes_do_not_depend_on_row_order_and_survive_the_schema(labels: list[str]) -> None:
    targets = Targets.learn(columns("multiclass"), objects(labels))
    assert targets == Targets.learn(columns("multiclass"), objects(labels[::-1]))
    again = Targets.from_schema(json.loads(json.dumps({"task": targets.task, "classes": list(targets.classes)})))
    assert again == targets
    assert [targets.classes[index] for index in targets.encode(objects(labels))] == labels


@pytest.mark.parametrize(
    ("task", "values", "says"),
    [
        ("binary", [1, 1], "one class only"),
        ("binary", [0, 1, 2], "3 classes"),
        ("binary", [0, 2], "columns.positive is 1"),
        ("multiclass", list(range(201)), "201 classes"),
        ("regression", [2.0, 2.0], "one value only"),
        ("regression", [None, "x"], "holds no number"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_one_clear_error(task: str, values: list[Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        Targets.learn(columns(task), objects(values))


def test_a_value_that_is_no_class_is_refused() -> None:
    with pytest.raises(DataError, match="'2' is none of the classes"):
        Targets("binary", (0, 1)).encode(np.array([0, 2]))


def test_distinct_values_are_plain_json() -> None:
    mixed = objects(["b", np.int64(3), 2.0, None, np.nan, "a", 3.0])
    assert distinct(mixed) == [2, 3, "a", "b"]
    assert distinct(np.array(["2026-02-01", "NaT", "2026-01-01"], dtype="datetime64[ns]")) == [
        "2026-01-01",
        "2026-02-01",
    ]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["train", "valid", "test"]), min_size=30, max_size=60), st.integers(0, 99))
def test_balance_touches_train_rows_only_and_evens_the_classes(sides: list[str], seed: int) -> None:
    sides = ["train"] * 4 + sides
    side = np.array(sides)
    y = np.random.default_rng(seed).integers(0, 2, len(sides))
    y[:4] = [0, 1, 0, 1]
    frame = pd.DataFrame({"id": np.arange(len(y)), "a": 0.0, "y": y})
    train = side == "train"
    for balance in ("none", "weights", "undersample"):
        weight = training_weights(frame, y, side, product_of(PLAIN, prepare={"balance": balance}))
        assert (weight[~train] == 1.0).all()
        assert (weight >= 0).all()
        if balance == "none":
            assert (weight == 1.0).all()
        else:
            assert weight[train & (y == 0)].sum() == pytest.approx(weight[train & (y == 1)].sum())


def test_a_quantity_is_not_balanced() -> None:
    product = product_of({**PLAIN, "task": "regression"}, prepare={"balance": "weights"})
    frame = pd.DataFrame({"id": [1, 2], "a": 0.0, "y": [0.5, 9.5]})
    assert training_weights(frame, np.array([0.5, 9.5]), np.array(["train", "train"]), product).tolist() == [1.0, 1.0]


def fields(values: Any, numeric: bool = True) -> dict[str, Any]:
    table = {"a": np.arange(float(len(values))), "f": np.asarray(values, dtype=object)}
    state = fit(table, ["a", "f"] if numeric else ["a"], [] if numeric else ["f"])
    built = schema.build(product_of(PLAIN), state, table, Targets("binary", (0, 1)))
    json.dumps(built, allow_nan=False)
    return {field["name"]: field for field in built["fields"]}["f"]


def test_a_range_is_widened_by_its_span_and_never_across_zero() -> None:
    assert (fields([2, 10])["minimum"], fields([2, 10])["maximum"]) == (0, 18)
    assert (fields([-10, -2])["minimum"], fields([-10, -2])["maximum"]) == (-18, 0)
    assert (fields([-1.5, 2])["minimum"], fields([-1.5, 2])["maximum"]) == (-5.0, 5.5)


def test_missing_and_infinite_numbers_make_a_field_nullable() -> None:
    assert fields([1, 2, 3])["nullable"] is False
    assert fields([1, None, 3])["nullable"] is True
    assert fields([1, np.inf, 3])["maximum"] == 5


def test_few_categories_are_listed_and_many_are_open() -> None:
    assert fields([3, 1, 1, None], numeric=False)["allowed"] == [1, 3]
    assert fields([3, 1, 1, None], numeric=False)["type"] == "integer"
    assert fields(["ö", "a", "a"], numeric=False)["allowed"] == ["a", "ö"]
    assert "allowed" not in fields([f"v{i % 51}" for i in range(500)], numeric=False)


@pytest.mark.parametrize(
    ("family", "use", "device", "rows", "features", "train"),
    [
        ("lightgbm", "auto", "cpu", 20, 3, True),
        ("lightgbm", "never", "cpu", 10**6, 3, False),
        ("tabm", "auto", "cpu", NET_MIN_ROWS - 1, 3, False),
        ("tabm", "auto", "cpu", NET_MIN_ROWS, 3, True),
        ("tabm", "always", "cpu", 20, 3, True),
        ("tabm", "auto", "cpu", NET_MAX_CELLS_CPU // 100 + 1, 100, False),
        ("tabm", "auto", "cuda", NET_MAX_CELLS_CPU // 100 + 1, 100, True),
    ],
)
def test_the_written_rule(family: Any, use: Any, device: Any, rows: int, features: int, train: bool) -> None:
    candidate = Candidate(product="p", problem="tabular", model="m", family=family, use=use)
    choice = decide(candidate, Profile(device=device), rows, features)
    assert choice.train is train
    assert (use in choice.reason) if use != "auto" else choice.reason
