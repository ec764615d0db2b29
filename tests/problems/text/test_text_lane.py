"""A whole lane of texts: what each stage leaves behind, and what the packed model answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from text_lanes import Lane, params_for, rows

from pipelines.errors import BundleError, ConfigError, DataError
from pipelines.files import read_json, read_parquet
from pipelines.problems import answered, answers_apart, judge_rows, load_answering, watched, watched_roles
from pipelines.serving.loaded import load
from pipelines.sources.simulators import text_notes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(lane: Lane) -> Path:
    return lane.layout.stage("package", "notes") / "bundle"


def test_every_gate_passes_and_the_answers_are_good(lane: Lane) -> None:
    assert {name: verdict.status for name, verdict in lane.verdicts.items()} == dict.fromkeys(lane.verdicts, "passed")
    metrics = read_json(lane.layout.stage("evaluate", "notes") / "metrics.json")
    assert 0.75 < metrics["accuracy"]["value"] <= 1.0
    assert metrics["selective_risk"]["value"] < 1.0 - metrics["accuracy"]["value"] + 0.02
    assert 0.0 < metrics["coverage"]["value"] <= 1.0


def test_the_same_text_is_never_on_two_sides(lane: Lane) -> None:
    from pipelines.problems.text.core.duplicates import text_codes

    frame = read_parquet(lane.layout.stage("prepare", "notes") / "rows.parquet")
    codes = text_codes(frame["text"].tolist())
    sides = pd.DataFrame({"code": codes, "side": frame["_split"]}).groupby("code")["side"].nunique()
    assert sides.max() == 1
    assert set(frame["_split"]) == {"train", "valid", "test"}


def test_exported_forms_answer_like_the_original_also_odd_texts(lane: Lane) -> None:
    members = read_json(lane.layout.stage("export", "notes") / "export.json")["members"]
    for member in members:
        assert member["parity"]["largest"] <= 1e-4
        assert set(member["parity"]["differences"]) == {"test", "alone", "odd"}


def test_an_answer_ranks_candidates_and_gives_words_and_cases(bundle: Path) -> None:
    served = load("notes", None, bundle)
    answer = served.answer([{"text": "55-year-old patient with a throbbing headache with aura"}], explain=True)[0]
    assert answer["decision"] == "neurological"
    ranked = [one["confidence"] for one in answer["candidates"]]
    assert ranked == sorted(ranked, reverse=True)
    assert answer["sure"] == (ranked[0] >= answer["threshold"])
    assert sum(answer["score"].values()) == pytest.approx(1.0)
    assert answer["reasons"][0]["label"] == "neurological"
    assert {"headache", "aura", "throbbing"} & {one["word"] for one in answer["reasons"][0]["words"]}
    assert answer["evidence"][0]["label"] == "neurological"
    assert answer["evidence"][0]["similarity"] <= 1.001


def test_a_text_about_nothing_known_is_not_sure(bundle: Path) -> None:
    served = load("notes", None, bundle)
    assert [one["sure"] for one in served.answer([{"text": "zzqx"}, {"text": "\U0001f600"}])] == [False, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold a letter"),
        (" \t\u200b\x00", "must hold a letter"),
        ("x" * 1_000_000, "must not be longer than 20000 characters"),
        (5, "must be text, not a number"),
        (None, "must not be null"),
    ],
)
def test_what_is_no_text_is_refused_in_words(bundle: Path, text: Any, said: str) -> None:
    problems, _ = load("notes", None, bundle).validator.check([{"text": text}])
    assert said in problems[0].problem


def test_the_service_answers_as_the_offline_prediction(lane: Lane, bundle: Path) -> None:
    model = load_answering("text", bundle, lambda _: None)
    frame = read_parquet(lane.layout.stage("prepare", "notes") / "rows.parquet")
    judged = read_parquet(lane.layout.stage("evaluate", "notes") / "result" / "predictions.parquet")
    judged = judged[judged["_split"] == "test"]
    score = model.scores({"text": frame["text"].iloc[judged["_row"]].to_numpy()})
    names = [f"score_{place}" for place in range(score.shape[1])]
    assert score == pytest.approx(judged[names].to_numpy(), abs=1e-4)
    block = lane.params.product("notes")
    schema = read_json(bundle / "schema.json")
    assert judge_rows(block, schema, frame[frame["_split"] == "test"], model).n == len(judged)


def test_a_new_topic_shows_in_what_is_watched(lane: Lane, bundle: Path) -> None:
    from datetime import date

    block, model = lane.params.product("notes"), load_answering("text", bundle, lambda _: None)
    schema = read_json(bundle / "schema.json")
    found = {}
    for shift in ("none", "new_topic"):
        frame = text_notes.production_day(4, date(2026, 5, 1), 600, shift)
        answers = model.answer([{"text": text} for text in frame["text"]])
        seen = watched(block, bundle, frame.assign(**answered("text", schema, answers)))
        assert set(watched_roles(block, list(seen.columns))) >= {"text_words", "text_unknown", "decision", "confidence"}
        found[shift] = seen[["text_unknown", "confidence"]].mean()
    assert found["new_topic"]["text_unknown"] > 1.3 * found["none"]["text_unknown"]
    assert found["new_topic"]["confidence"] < found["none"]["confidence"]


def test_answers_of_other_classes_are_infinitely_apart(bundle: Path) -> None:
    golden = read_json(bundle / "golden.json")["answers"]
    assert answers_apart("text", golden, golden) == 0.0
    other = [{**golden[0], "decision": "elsewhere"}]
    assert answers_apart("text", other, golden[:1]) == np.inf


def test_a_bundle_without_its_vocabulary_is_refused(bundle: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    for file in copy.glob("*/*"):
        file.unlink()
    with pytest.raises(BundleError, match="is missing"):
        load_answering("text", copy, lambda _: None)


def stage_after(tmp_path: Path, frame: pd.DataFrame, **blocks: Any) -> Lane:
    made = Lane(tmp_path, params_for({"linear_text": {}}, **blocks), frame)
    made.run("label")
    return made


def test_numbers_in_the_text_column_are_named(tmp_path: Path) -> None:
    frame = rows(200)
    frame["text"] = np.arange(len(frame))
    with pytest.raises(DataError, match=r"values are no text, the first is 0"):
        stage_after(tmp_path, frame).run("prepare")


def test_texts_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    frame = rows(200)
    frame.loc[:2, "text"] = ["<br>", " ", "\x00"]
    with pytest.raises(DataError, match="texts hold nothing that can be read"):
        stage_after(tmp_path, frame, label={"conflicts": "keep", "noise_folds": 2}).run("prepare")


def test_a_class_that_only_the_test_side_has_is_named(tmp_path: Path) -> None:
    frame = rows(400)
    frame["side"] = np.where(np.arange(len(frame)) % 4 == 0, "test", "train")
    frame.loc[frame["side"] == "test", "area"] = "rare"
    block = {"split": {"by": "official", "column": "side", "salt": "t", "test_share": 0.0, "valid_share": 0.3}}
    with pytest.raises(DataError, match="class rare of area has 0 train texts"):
        stage_after(tmp_path, frame, prepare=block).run("prepare")


def test_one_text_per_class_is_too_few_to_judge(tmp_path: Path) -> None:
    frame = rows(300).drop_duplicates("area")
    with pytest.raises(DataError, match="too few"):
        stage_after(tmp_path, frame).run("prepare")


def test_a_product_without_a_text_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a text column"):
        stage_after(tmp_path, rows(200), columns={"text": None})


def test_an_encoder_is_left_out_by_rule_on_few_texts(tmp_path: Path) -> None:
    made = stage_after(tmp_path, rows(300))
    made.run("prepare")
    made.params = params_for({"encoder": {}})
    candidate = made.params.candidates["notes-encoder"].model_copy(update={"use": "auto"})
    made.params = made.params.model_copy(update={"candidates": {"notes-encoder": candidate}})
    verdict = made.run("train", "encoder")
    assert (verdict.status, "an encoder is trained from" in verdict.reason) == ("stood_aside", True)
