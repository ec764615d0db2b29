"""What is wrong with a test of offers is said before anything is learned from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import uplift_lanes as lanes

from pipelines.errors import ConfigError, DataError
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.problems.uplift.core.arms import Arms
from pipelines.verdicts import Verdict


def labelled(tmp_path: Path, frame: pd.DataFrame, **params: Any) -> Verdict:
    return lanes.until(Layout(tmp_path), lanes.params_of(**params), frame, "label")


def prepared(tmp_path: Path, frame: pd.DataFrame, **params: Any) -> Verdict:
    return lanes.until(Layout(tmp_path), lanes.params_of(**params), frame, "prepare")


def test_no_control_arm_is_refused(tmp_path: Path) -> None:
    frame = lanes.rows(900)
    with pytest.raises(DataError, match="no control arm"):
        labelled(tmp_path, frame[frame["arm"] != "none"])
    with pytest.raises(DataError, match="no arm but the control"):
        labelled(tmp_path, frame[frame["arm"] == "none"])


def test_an_arm_with_five_rows_is_refused_by_name(tmp_path: Path) -> None:
    frame = lanes.rows(900)
    few = pd.concat([frame[frame["arm"] != "womens_mail"], frame[frame["arm"] == "womens_mail"].head(5)])
    with pytest.raises(DataError, match=r"womens_mail.* has 5 rows"):
        labelled(tmp_path, few)


def test_treatment_and_control_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="what was done"):
        labelled(tmp_path, lanes.rows(900), columns={"treatment": None})
    with pytest.raises(ConfigError, match="binary"):
        labelled(tmp_path, lanes.rows(900), columns={"task": "regression"})


def test_treatment_may_not_be_a_feature() -> None:
    with pytest.raises(ConfigError, match="may not be a feature"):
        lanes.params_of(columns={"categorical": ["area", "channel", "arm"]})


def test_treatment_under_another_name_blocks(tmp_path: Path) -> None:
    frame = lanes.rows(2000)
    frame["campaign_code"] = frame["arm"].map({"none": "X0", "mens_mail": "K1", "womens_mail": "K2"})
    verdict = prepared(tmp_path, frame, columns={"categorical": ["area", "channel", "campaign_code"]})
    assert verdict.status == "blocked"
    assert "campaign_code: tells the arm" in verdict.reason


def test_an_outcome_before_its_treatment_blocks(tmp_path: Path) -> None:
    frame = lanes.rows(900)
    frame.loc[3, "visited_on"] = "2025-12-01"
    verdict = labelled(tmp_path, frame)
    assert verdict.status == "blocked"
    assert "1 outcomes were read before" in verdict.reason


def test_a_randomised_test_passes_and_its_proof_is_kept(tmp_path: Path) -> None:
    verdict = prepared(tmp_path, lanes.rows(4000))
    assert verdict.passed
    layout = Layout(tmp_path)
    report = read_json(layout.stage("prepare", lanes.PRODUCT) / "report.json")
    assert set(report["told_apart"]) == {"mens_mail", "womens_mail"}
    assert all(abs(one["auc"] - 0.5) < 4 * one["error"] for one in report["told_apart"].values())
    schema = read_json(layout.stage("prepare", lanes.PRODUCT) / "schema.json")
    assert schema["classes"] == ["none", "mens_mail", "womens_mail"]
    assert sum(schema["shares"]) == pytest.approx(1.0)
    assert "arm" not in {field["name"] for field in schema["fields"]}


def test_arms_that_were_chosen_by_the_customer_block(tmp_path: Path) -> None:
    frame = lanes.rows(4000)
    chance = np.random.default_rng(0).random(len(frame))
    often = np.where(frame["recency"] <= 4, 0.7, 0.2)
    frame["arm"] = np.where(chance < often, "mens_mail", np.where(chance < often + 0.15, "womens_mail", "none"))
    verdict = prepared(tmp_path, frame)
    assert verdict.status == "blocked"
    assert "recency differs" in verdict.reason
    assert "a classifier tells mens_mail" in verdict.reason


def test_a_feature_that_the_mail_changed_blocks(tmp_path: Path) -> None:
    frame = lanes.rows(4000)
    frame["clicks"] = np.random.default_rng(1).poisson(np.where(frame["arm"] == "none", 0.2, 1.0))
    verdict = prepared(tmp_path, frame, columns={"numeric": ["recency", "history", "clicks"]})
    assert verdict.status == "blocked"
    assert "clicks" in verdict.reason


def test_customers_without_an_id_who_look_alike_are_split_one_by_one(tmp_path: Path) -> None:
    frame = pd.concat([lanes.rows(400)] * 5, ignore_index=True).drop(columns="id")
    settings = {"max_imbalance": 9.0, "max_arm_auc": 1.0}  # copies are no test
    verdict = prepared(tmp_path, frame, columns={"id": None}, prepare=settings)
    assert verdict.passed
    kept = read_parquet(Layout(tmp_path).stage("prepare", lanes.PRODUCT) / "rows.parquet")
    assert len(kept) == len(frame)
    assert kept.groupby(["history", "recency"])["_split"].nunique().max() > 1


def test_costs_of_an_unknown_arm_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cost for the arm 'fax'"):
        prepared(tmp_path, lanes.rows(900), campaign={"value": 1.0, "costs": {"fax": 1.0}})


def test_a_metric_that_there_is_not_is_refused(tmp_path: Path) -> None:
    params = lanes.params_of(metric="roc_auc")
    layout = Layout(tmp_path)
    lanes.give(layout, lanes.rows(900))
    with pytest.raises(ConfigError, match="no metric 'roc_auc'"):
        lanes.run(layout, params, "evaluate")


def test_a_world_without_effects_says_so_on_the_card(tmp_path: Path) -> None:
    frame = lanes.rows(3000)
    frame["visit"] = (np.random.default_rng(2).random(len(frame)) < 0.2).astype(int)
    params = lanes.params_of(requirements={"floors": {"policy_value": 0.02}})
    verdict = lanes.until(Layout(tmp_path), params, frame, "evaluate")
    assert verdict.status == "blocked"
    assert "policy_value" in verdict.reason
    card = read_json(Layout(tmp_path).stage("evaluate", lanes.PRODUCT) / "result" / "card.json")
    told = " ".join(card["limits"])
    assert "differences between customers cannot be told from zero" in told


def test_arms_are_one_however_they_are_stored() -> None:
    arms = Arms((0, 1, 2))
    assert arms.encode(np.array([2.0, 0.0, 1.0])).tolist() == [2, 0, 1]
    with pytest.raises(DataError, match="unknown arm"):
        arms.encode(np.array([7]))
