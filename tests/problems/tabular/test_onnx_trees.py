from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BundleError
from pipelines.features.design import Design
from pipelines.problems.common.scorers import LightgbmScorer, OnnxScorer
from pipelines.problems.tabular.export import onnx_trees
from pipelines.problems.tabular.export.parity import odd_rows


def design(rng: np.random.Generator, n: int, p: int, q: int, cardinality: int = 70) -> Design:
    numeric = rng.normal(0, 3, (n, p)).astype(np.float32)
    numeric[rng.random((n, p)) < 0.1] = np.nan
    return Design(
        numeric,
        rng.integers(0, cardinality, (n, q)).astype(np.int32),
        tuple(f"n{j}" for j in range(p)),
        tuple(f"c{j}" for j in range(q)),
        (cardinality,) * q,
    )


def fitted(rows: Design, objective: str, holes: bool, rng: np.random.Generator, rounds: int = 12) -> str:
    width = rows.numeric.shape[1]
    inputs = np.hstack([rows.numeric, rows.categorical.astype(np.float32)])
    filled = np.nan_to_num(inputs) if not holes else inputs
    signal = np.nan_to_num(filled).sum(axis=1) + 3.0 * (filled[:, -1] % 5 == 2)
    if objective == "regression":
        y = signal + rng.normal(0, 1, len(signal))
    else:
        y = np.digitize(signal, np.quantile(signal, [0.5] if objective == "binary" else [0.3, 0.7]))
    params = {
        "objective": objective, "num_leaves": 9, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1, "seed": 1,
        "min_data_per_group": 5, "cat_smooth": 1.0, **({"num_class": 3} if objective == "multiclass" else {}),
    }  # fmt: skip
    places = list(range(width, inputs.shape[1]))
    data = lgb.Dataset(filled, y, categorical_feature=places, params=params)
    return str(lgb.train(params, data, rounds).model_to_string())


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["binary", "multiclass", "regression"]),
    st.booleans(),
    st.sampled_from([(3, 2), (4, 0), (0, 2)]),
)
def test_the_graph_answers_like_lightgbm_on_any_row(
    tmp_path_factory: pytest.TempPathFactory, seed: int, objective: str, holes: bool, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("trees")
    text = fitted(design(rng, 400, *shape), objective, holes, rng)
    (folder / "m.txt").write_text(text, encoding="utf-8")
    (folder / "m.onnx").write_bytes(onnx_trees.build(text, *shape))
    native, graph = LightgbmScorer([folder / "m.txt"]), OnnxScorer([folder / "m.onnx"])
    rows = design(rng, 100, *shape)
    for name, odd in {"plain": rows, **odd_rows(rows), "alone": rows.take(np.array([7]))}.items():
        expected = native.score(odd)
        scale = max(1.0, float(np.abs(expected).max()))
        assert graph.score(odd) == pytest.approx(expected, abs=1e-6 * scale), name
        if objective != "multiclass":
            assert graph.score(odd) == pytest.approx(expected, abs=1e-12 * scale), name


def test_equal_trees_give_equal_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    text = fitted(design(rng, 300, 2, 1), "binary", True, rng)
    assert onnx_trees.build(text, 2, 1) == onnx_trees.build(text, 2, 1)
    assert str(tmp_path).encode() not in onnx_trees.build(text, 2, 1)


def test_a_tree_without_a_split_is_a_constant(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 2))
    params = {"objective": "regression", "min_data_in_leaf": 100, "verbosity": -1}
    text = lgb.train(params, lgb.Dataset(inputs, rng.normal(5, 1, 60)), 3).model_to_string()
    (tmp_path / "m.onnx").write_bytes(onnx_trees.build(text, 2, 0))
    (tmp_path / "m.txt").write_text(text)
    rows = Design(inputs.astype(np.float32), np.empty((60, 0), np.int32), ("a", "b"), (), ())
    assert OnnxScorer([tmp_path / "m.onnx"]).score(rows) == pytest.approx(
        LightgbmScorer([tmp_path / "m.txt"]).score(rows)
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"zero_as_missing": True}, "zero as missing"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, "random forests"),
        ({"linear_tree": True}, "linear trees"),
        ({"sigmoid": 0.7}, "sigmoid"),
    ],
)
def test_what_has_no_onnx_form_is_refused_in_words(params: dict[str, object], words: str) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 2))
    inputs[::7] = 0.0
    settings = {"objective": "binary", "verbosity": -1, "num_leaves": 4, **params}
    text = lgb.train(settings, lgb.Dataset(inputs, inputs[:, 0] > 0, params=settings), 3).model_to_string()
    with pytest.raises(BundleError, match=words):
        onnx_trees.build(text, 2, 0)
