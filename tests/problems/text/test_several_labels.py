"""Several labels per text: the lane passes its gates, answers lists, and takes lists as feedback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_lanes import SCRATCH, Lane, params_for, rows

from pipelines.blocks.columns import Columns
from pipelines.errors import ConfigError, DataError
from pipelines.files import read_json, read_parquet
from pipelines.metrics.calibrators import fit_slope
from pipelines.metrics.intervals import estimates
from pipelines.metrics.judges import judge
from pipelines.metrics.several import best_thresholds
from pipelines.problems import answered, judge_rows, load_answering, measured, watched
from pipelines.problems.common.targets import Targets
from pipelines.problems.text.core.several import decided, set_confidence, stacked
from pipelines.serving.loaded import load
from pipelines.serving.outcomes import UnfitError, outcome_check


def two_topics(count: int, seed: int = 0) -> pd.DataFrame:
    """Simulated notes, two of them joined in every second row: they have the labels of both."""
    frame = rows(count)
    other = frame.sample(frac=1.0, random_state=seed).reset_index(drop=True)
    both = np.arange(len(frame)) % 2 == 0
    text = np.where(both, frame["text"] + ". Also: " + other["text"], frame["text"])
    label = np.where(both, frame["area"] + ";" + other["area"], frame["area"])
    return frame.assign(text=text, area=label)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    params = params_for(
        {"linear_text": {}, "encoder": SCRATCH},
        columns={"task": "multilabel"},
        requirements={"floors": {"micro_f1": 0.6}},
        evaluate={"metric": "micro_f1", "selective": {"max_risk": 0.3}},
    )
    folded = {
        name: one.model_copy(update={"folds": 3}) if one.family == "linear_text" else one
        for name, one in params.candidates.items()
    }
    made = Lane(tmp_path_factory.mktemp("several"), params.model_copy(update={"candidates": folded}), two_topics(700))
    made.verdicts = made.whole()
    return made


@pytest.mark.slow
def test_the_lane_passes_and_finds_both_topics(several: Lane) -> None:
    assert {name: one.status for name, one in several.verdicts.items()} == dict.fromkeys(several.verdicts, "passed")
    metrics = read_json(several.layout.stage("evaluate", "notes") / "metrics.json")
    assert metrics["micro_f1"]["low"] < metrics["micro_f1"]["value"] < metrics["micro_f1"]["high"]
    assert metrics["micro_f1"]["value"] > 0.75
    assert metrics["subset_accuracy"]["value"] < metrics["micro_f1"]["value"]
    assert metrics["selective_risk"]["value"] <= 1.0 - metrics["subset_accuracy"]["value"]


@pytest.mark.slow
def test_an_answer_is_a_list_of_labels_with_confidences(several: Lane) -> None:
    bundle = several.layout.stage("package", "notes") / "bundle"
    asked = {"text": "throbbing headache with aura. Also: itchy red rash on both arms"}
    answer = load("notes", None, bundle).answer([asked], explain=True)[0]
    assert [one["label"] for one in answer["labels"]] == answer["decision"]
    assert "neurological" in answer["decision"]
    assert len(answer["score"]) == len(read_json(bundle / "schema.json")["classes"])
    assert 0.0 < answer["confidence"] <= 1.0
    assert answer["sure"] == (answer["confidence"] >= answer["threshold"])
    assert answer["reasons"][0]["words"]


@pytest.mark.slow
def test_offline_service_watch_and_outcomes_agree(several: Lane) -> None:
    bundle = several.layout.stage("package", "notes") / "bundle"
    block, model = several.params.product("notes"), load_answering("text", bundle, lambda _: None)
    schema = read_json(bundle / "schema.json")
    frame = read_parquet(several.layout.stage("prepare", "notes") / "rows.parquet")
    test = frame[frame["_split"] == "test"].reset_index(drop=True)
    found = judge_rows(block, schema, test, model)
    value = float(found.measure(np.ones((1, found.n)))["micro_f1"][0])
    answers = model.answer([{"text": text} for text in test["text"]])
    seen = watched(block, bundle, test.assign(**answered("text", schema, answers)))
    assert seen["labels"].between(0, 5).all()
    check = outcome_check(schema["task"], schema["classes"], schema["separator"])
    outcomes = [check(label.split(";")) for label in test["area"]]
    told = measured(block, schema, seen, outcomes)
    assert told is not None
    assert float(told.measure(np.ones((1, told.n)))["micro_f1"][0]) == pytest.approx(value)


@pytest.mark.slow
def test_the_choice_rests_on_the_valid_rows_where_one_candidate_has_no_folds(several: Lane) -> None:
    card = read_json(several.layout.stage("evaluate", "notes") / "result" / "card.json")
    assert card["selection"]["side"] == "valid rows"
    assert {one["label"] for one in card["labels"]} == set(card["classes"])


def test_outcomes_are_lists_of_known_labels() -> None:
    check = outcome_check("multilabel", ["a", "b", "c"], "|")
    assert check(["c", "a", "c"]) == "a|c"
    for wrong in ("a", [], ["z"], [["a"]], None, 3):
        with pytest.raises(UnfitError):
            check(wrong)


def test_labels_are_read_from_one_column_and_unknown_ones_are_named() -> None:
    columns = Columns(target="t", task="multilabel", text="x", separator="|")
    targets = Targets.learn(columns, np.array(["b|a", "a", " c | a "], dtype=object))
    assert targets.classes == ("a", "b", "c")
    assert targets.encode(np.array(["c|a", "b"], dtype=object)).tolist() == [[1, 0, 1], [0, 1, 0]]
    with pytest.raises(DataError, match="label 'z' is none of"):
        targets.encode(np.array(["z"], dtype=object))


def test_measures_equal_the_textbook_on_a_small_case() -> None:
    y = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    p = np.array([[0.9, 0.2], [0.8, 0.4], [0.3, 0.7], [0.6, 0.1]])
    found = estimates(judge("multilabel", y, stacked(p, [0.5, 0.5])), 100)
    assert found["micro_f1"].value == pytest.approx(2 * 3 / (4 + 4))
    assert found["macro_f1"].value == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)
    assert found["subset_accuracy"].value == pytest.approx(0.5)
    assert found["hamming_loss"].value == pytest.approx(2 / 8)
    assert found["mean_average_precision"].value == pytest.approx(1.0)


@given(st.integers(0, 1000), st.integers(1, 4))
def test_no_even_threshold_beats_the_chosen_ones_on_their_own_rows(seed: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    y = (rng.random((60, labels)) < 0.4).astype(np.int64)
    p = np.clip(0.3 * y + rng.random((60, labels)) * 0.7, 0.0, 1.0)

    def f1(thresholds: list[float], label: int) -> float:
        has = decided(p, thresholds)[:, label]
        return 2.0 * float((has * y[:, label]).sum()) / max(1.0, float(has.sum() + y[:, label].sum()))

    chosen = best_thresholds(y, p, 5).tolist()
    for label in range(labels):
        if 5 <= y[:, label].sum() <= 55:
            assert f1(chosen, label) >= max(f1([even] * labels, label) for even in np.linspace(0.05, 0.95, 19)) - 1e-12


def test_the_confidence_of_a_set_is_the_product_of_its_decisions() -> None:
    p = np.array([[0.9, 0.2], [0.5, 0.5]])
    assert set_confidence(p, decided(p, [0.5, 0.5])).tolist() == pytest.approx([0.72, 0.25])


def test_the_slope_of_margins_is_found_again() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0.0, 2.0, 20_000)
    y = (rng.random(20_000) < 1.0 / (1.0 + np.exp(-odds))).astype(np.int64)
    assert fit_slope(y, odds * 7.0) == pytest.approx(7.0, rel=0.05)


@pytest.mark.slow
def test_class_weights_are_refused(tmp_path: Path) -> None:
    params = params_for({"linear_text": {}}, columns={"task": "multilabel"})
    block = params.products["notes"]
    balanced = block.model_copy(update={"prepare": block.prepare.model_copy(update={"balance": "weights"})})
    made = Lane(tmp_path, params.model_copy(update={"products": {"notes": balanced}}), two_topics(300))
    made.run("label")
    with pytest.raises(ConfigError, match="not for several labels"):
        made.run("prepare")
