from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import lanes
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipelines.config import Params
from pipelines.errors import ConfigError, StageError
from pipelines.files import read_json, read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.problems.tabular.evaluate.run import NEXT_STEP
from pipelines.verdicts import Verdict, write_verdict

MODELS = {"lightgbm": {"params": lanes.QUICK, "seeds": [0, 1]}, "sparse": {"params": lanes.OTHER}}


def judged(trained: Path, tmp_path: Path, requirements: dict[str, Any] | None = None, **evaluate: Any) -> Verdict:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    params = lanes.params_for("cancer", requirements, MODELS, **evaluate)
    return lanes.evaluate(Layout(tmp_path), params, "cancer")


def test_every_task_leaves_what_the_contract_names(lane: tuple[Layout, Params, str]) -> None:
    layout, params, product = lane
    folder, task = layout.stage("evaluate", product), lanes.TASKS[product]
    choice = read_json(folder / "result" / "choice.json")
    metrics = read_json(folder / "metrics.json")
    assert choice["task"] == task
    assert sum(member["weight"] for member in choice["members"]) == pytest.approx(1.0)
    assert (choice["threshold"] is not None) is (task == "binary")
    key = params.product(product).evaluate.metric
    assert choice["metric"] == {"name": key, **metrics[key]}
    for name, found in metrics.items():
        if found["value"] is not None:
            assert found["low"] <= found["value"] <= found["high"], name
    names = {path.name for path in (folder / "plots").iterdir()}
    assert {"importance.png", "slices.png"} <= names
    for path in (folder / "plots").glob("*.json"):
        points = read_json(path)
        assert path.with_suffix(".png").name in names
        assert points
        assert all(len(point) == 2 and next(iter(point)) == "at" for point in points), path.name


def test_predictions_are_of_the_valid_and_test_rows_and_give_the_stated_metrics(
    lane: tuple[Layout, Params, str],
) -> None:
    layout, _, product = lane
    prepared = read_parquet(layout.stage("prepare", product) / "rows.parquet")
    found = read_parquet(layout.stage("evaluate", product) / "result" / "predictions.parquet")
    assert found["_row"].tolist() == np.flatnonzero(prepared["_split"] != "train").tolist()
    assert (prepared["_split"].to_numpy()[found["_row"]] == found["_split"]).all()
    test = found[found["_split"] == "test"]
    y = prepared["outcome"].to_numpy()[test["_row"]]
    metrics = read_json(layout.stage("evaluate", product) / "metrics.json")
    if product == "cancer":
        assert metrics["roc_auc"]["value"] == pytest.approx(roc_auc_score(y, test["score"]))
        assert metrics["selection_rate"]["value"] == pytest.approx(test["decision"].mean())
    elif product == "wine":
        assert metrics["accuracy"]["value"] == pytest.approx((test["decision"].to_numpy() == y).mean())
        assert test[["score_0", "score_1", "score_2"]].sum(axis=1).to_numpy() == pytest.approx(1.0)
    else:
        assert metrics["rmse"]["value"] == pytest.approx(np.sqrt(((test["score"].to_numpy() - y) ** 2).mean()))


@pytest.mark.slow
def test_the_same_lane_judged_twice_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    for place in ("one", "two"):
        assert judged(trained, tmp_path / place).passed
    one, two = (sha256_tree(tmp_path / place / ".nightshift/lanes/cancer/evaluate") for place in ("one", "two"))
    assert one == two
    assert len(one) > 15


@pytest.mark.slow
def test_test_rows_have_no_say_in_the_choice(trained: Path, tmp_path: Path) -> None:
    judged(trained, tmp_path / "as_is")
    copy = tmp_path / "worse"
    shutil.copytree(trained, copy)
    lane = copy / ".nightshift/lanes/cancer"
    for path in (lane / "models").glob("*/predictions.parquet"):
        frame = read_parquet(path)
        test = frame["_split"] == "test"
        frame.loc[test, "score"] = 1.0 - frame.loc[test, "score"]
        frame.to_parquet(path)
    lanes.evaluate(Layout(copy), lanes.params_for("cancer", models=MODELS), "cancer")
    before, after = (
        read_json(tmp_path / place / ".nightshift/lanes/cancer/evaluate/result/choice.json")
        for place in ("as_is", "worse")
    )
    assert before.pop("metric") != after.pop("metric")
    assert before == after


def test_a_missed_floor_blocks_and_still_leaves_the_card(trained: Path, tmp_path: Path) -> None:
    verdict = judged(trained, tmp_path, {"floors": {"roc_auc": 0.999}, "ceilings": {"brier": 0.0001}})
    assert verdict.status == "blocked"
    assert verdict.gate == "quality"
    assert "roc_auc" in verdict.reason
    assert "brier" in verdict.reason
    assert verdict.next_step == NEXT_STEP
    card = read_json(tmp_path / ".nightshift/lanes/cancer/evaluate/result/card.json")
    assert [(entry["name"], entry["met"]) for entry in card["requirements"]] == [("roc_auc", False), ("brier", False)]
    assert any("roc_auc" in limit for limit in card["limits"])


def test_costs_set_the_threshold_and_are_measured(trained: Path, tmp_path: Path) -> None:
    costs = {"false_positive": 1.0, "false_negative": 9.0}
    verdict = judged(trained, tmp_path, {"costs": costs, "ceilings": {"cost": 0.9}})
    assert verdict.passed
    folder = tmp_path / ".nightshift/lanes/cancer/evaluate"
    assert read_json(folder / "result/choice.json")["threshold"] == pytest.approx(0.1)
    assert read_json(folder / "metrics.json")["cost"]["value"] < 0.9
    decision = read_json(folder / "result/card.json")["selection"]["decision"]
    assert decision["cheapest_cost_per_row"] <= decision["cost_per_row"]


def test_candidates_left_out_by_rule_are_skipped_and_named(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    layout = Layout(tmp_path)
    aside = Verdict(gate="train", product="cancer", status="stood_aside", reason="left out by rule: too few rows")
    params = lanes.params_for("cancer", models=MODELS)
    write_verdict(layout.stage("train", "cancer", "sparse"), aside)
    assert lanes.evaluate(layout, params, "cancer").passed
    card = read_json(layout.stage("evaluate", "cancer") / "result" / "card.json")
    assert card["model"]["left_out"] == {"sparse": "left out by rule: too few rows"}
    assert [member["model"] for member in card["model"]["members"]] == ["lightgbm"]

    write_verdict(layout.stage("train", "cancer", "lightgbm"), aside)
    verdict = lanes.evaluate(layout, params, "cancer")
    assert verdict.status == "blocked"
    assert "no candidate was trained" in verdict.reason


def test_a_candidate_whose_train_stage_has_not_run_is_an_error(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="has not run"):
        shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
        lanes.evaluate(Layout(tmp_path), lanes.params_for("cancer", models={**MODELS, "third": {}}), "cancer")


def test_answers_for_other_rows_or_not_finite_are_an_error(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    path = Layout(tmp_path).stage("train", "cancer", "lightgbm") / "predictions.parquet"
    frame = read_parquet(path)
    params = lanes.params_for("cancer", models=MODELS)
    frame.iloc[5:].to_parquet(path)
    with pytest.raises(StageError, match="other rows"):
        lanes.evaluate(Layout(tmp_path), params, "cancer")
    frame.assign(score=np.nan).to_parquet(path)
    with pytest.raises(StageError, match="not finite"):
        lanes.evaluate(Layout(tmp_path), params, "cancer")


def test_an_unknown_slice_column_is_named(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'shoe_size' is not in the data"):
        judged(trained, tmp_path, slices={"shoe_size": []})
