"""The train stage: what it writes, what it leaves out, and that it is the same each time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lanes
import numpy as np
import pytest

from pipelines.config import Params
from pipelines.errors import ConfigError
from pipelines.files import read_json, read_parquet, sha256_tree, write_parquet
from pipelines.layout import Layout
from pipelines.models import load_model
from pipelines.problems.tabular.core.prepared import load_prepared
from pipelines.problems.tabular.prepare import run as preparing
from pipelines.problems.tabular.train import run as training
from pipelines.verdicts import Verdict

NET = {"members": 3, "width": 16, "bins": 6, "embedding": 4, "batch": 64, "epochs": 4, "learning_rate": 0.01}
MODELS: dict[str, Mapping[str, Any]] = {
    "trees": {"params": lanes.QUICK, "seeds": [0, 3]},
    "folded": {"params": lanes.QUICK, "seeds": [0, 1], "folds": 3},
    "net": {"family": "tabm", "params": NET, "use": "always", "folds": 2},
    "auto": {"family": "tabm", "params": NET},
    "never": {"params": lanes.QUICK, "use": "never"},
}


def line(root: Path, product: str, models: Mapping[str, Mapping[str, Any]] = MODELS) -> tuple[Layout, Params]:
    """A lane up to prepare."""
    layout, params = Layout(root), lanes.params_for(product, models=models)
    write_parquet(layout.stage("label", product) / "rows.parquet", lanes.raw_rows(product))
    assert lanes.run(layout, params, "prepare", product, lambda step: preparing.run(step, None)).passed
    return layout, params


def train(layout: Layout, params: Params, product: str, model: str) -> Verdict:
    candidate = params.candidates_of(product)[model]
    return lanes.run(layout, params, "train", product, lambda step: training.run(step, None), candidate=candidate)


@pytest.mark.parametrize("model", ["trees", "folded", "net"])
@pytest.mark.parametrize("product", sorted(lanes.TASKS))
def test_predictions_are_the_saved_model_s_answers(tmp_path: Path, product: str, model: str) -> None:
    layout, params = line(tmp_path, product)
    assert train(layout, params, product, model).passed
    folder = layout.stage("train", product, model)
    rows = load_prepared(layout.stage("prepare", product), params.product(product).columns, None)
    table = read_parquet(folder / "predictions.parquet")
    assert np.array_equal(table["_row"], rows.rows("valid", "test"))
    assert np.array_equal(table["_split"], rows.split[table["_row"]])
    several = rows.task == "multiclass"
    names = [f"score_{place}" for place in range(len(rows.classes))] if several else ["score"]
    assert list(table.columns) == ["_row", "_split", *names]
    scores = table[names].to_numpy()
    answer = load_model(folder).predict(rows.design.take(table["_row"].to_numpy()))
    test = (table["_split"] == "test").to_numpy()
    assert scores[test] == pytest.approx(answer.reshape(scores.shape)[test], abs=1e-12 if model != "net" else 1e-6)
    same = np.allclose(scores[~test], answer.reshape(scores.shape)[~test], atol=1e-6)
    assert same is (model == "trees"), "cross-fitted: a valid row is answered by those that have not seen it"


def test_the_record_says_what_was_trained(tmp_path: Path) -> None:
    layout, params = line(tmp_path, "cancer")
    train(layout, params, "cancer", "folded")
    folder = layout.stage("train", "cancer", "folded")
    record = read_json(folder / "model.json")
    assert (record["family"], record["task"], record["classes"], record["seeds"]) == (
        "lightgbm",
        "binary",
        [0, 1],
        [0, 1],
    )
    assert record["params"] == lanes.QUICK
    assert record["fitting"] == "cross-fitted on train and valid rows, 3 folds"
    assert [(one["seed"], one["fold"]) for one in record["members"]] == [(s, f) for s in (0, 1) for f in range(3)]
    assert record["files"] == [f"trees_{s}_{f}.txt" for s in (0, 1) for f in range(3)]
    assert {path.name for path in folder.iterdir()} == {
        *record["files"],
        "model.json",
        "predictions.parquet",
        "verdict.json",
    }


@pytest.mark.parametrize(
    ("method", "choices"), [("grid", [2, 5, 9]), ("random", [2, 9, "int"]), ("tpe", [2, 9, "int"])]
)
def test_a_search_is_recorded_and_used(tmp_path: Path, method: str, choices: list[Any]) -> None:
    plan = {"method": method, "trials": 3, "space": {"num_leaves": choices}}
    layout, params = line(tmp_path, "cancer", {"searched": {"params": lanes.QUICK, "search": plan}})
    train(layout, params, "cancer", "searched")
    record = read_json(layout.stage("train", "cancer", "searched") / "model.json")
    assert record["search"]["method"] == method
    (chosen,) = [trial for trial in record["search"]["trials"] if trial["chosen"]]
    assert len(record["search"]["trials"]) == 3
    assert chosen["loss"] == min(trial["loss"] for trial in record["search"]["trials"])
    assert record["params"] == {**lanes.QUICK, **chosen["params"]}
    before = (layout.stage("train", "cancer", "searched") / "model.json").read_bytes()
    train(layout, params, "cancer", "searched")
    assert (layout.stage("train", "cancer", "searched") / "model.json").read_bytes() == before


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("auto", r"^left out by rule: \d+ train rows; a net is trained from 1000 on$"),
        ("never", r"^left out by rule: use: never in params\.yaml$"),
    ],
)
def test_a_candidate_left_out_says_why_and_leaves_nothing_else(tmp_path: Path, model: str, said: str) -> None:
    layout, params = line(tmp_path, "cancer")
    verdict = train(layout, params, "cancer", model)
    assert verdict.status == "stood_aside"
    assert re.search(said, verdict.reason)
    assert [path.name for path in layout.stage("train", "cancer", model).iterdir()] == ["verdict.json"]


@pytest.mark.parametrize("model", ["folded", "net"])
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, model: str) -> None:
    found = []
    for name in ("first", "second"):
        layout, params = line(tmp_path / name, "cancer")
        train(layout, params, "cancer", model)
        found.append(sha256_tree(layout.stage("train", "cancer", model)))
    assert found[0] == found[1]


def test_a_stage_cut_off_goes_on_and_leaves_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout, params = line(tmp_path / "cut", "cancer")
    whole, _ = line(tmp_path / "whole", "cancer")
    train(whole, params, "cancer", "net")
    fitted: list[str] = []
    real = training.fit_model

    def fit_model(family: str, data: Any, settings: Any) -> Any:
        fitted.append(settings.label)
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return real(family, data, settings)

    monkeypatch.setattr(training, "fit_model", fit_model)
    with pytest.raises(KeyboardInterrupt):
        train(layout, params, "cancer", "net")
    kept = layout.checkpoints("cancer", "net")
    assert [path.name for path in kept.iterdir()] == ["net_0_0.safetensors"]
    assert train(layout, params, "cancer", "net").passed
    assert not kept.exists()
    assert sha256_tree(layout.stage("train", "cancer", "net")) == sha256_tree(whole.stage("train", "cancer", "net"))


def test_a_wrong_hyper_parameter_is_one_clear_error(tmp_path: Path) -> None:
    layout, params = line(tmp_path, "cancer", {"trees": {"params": {"depth": 3}}})
    with pytest.raises(ConfigError, match="lightgbm has no hyper-parameter 'depth'"):
        train(layout, params, "cancer", "trees")
