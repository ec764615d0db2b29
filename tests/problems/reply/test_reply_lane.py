"""The stages of replies at a small size: what each writes, what blocks, and that the bundle answers as was judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from reply_lanes import PRODUCT, SEARCH, SMALL, Lane, asked, frame_of, packed, params_for, with_writer
from reply_world import rows

from pipelines.errors import BundleError, ConfigError, DataError
from pipelines.files import read_json, read_parquet
from pipelines.problems import answers_apart, judge_rows, load_answering, watched, watched_roles
from pipelines.problems.reply.answer.model import ReplyModel


def lane_of(tmp_path: Path, frame: pd.DataFrame | None = None, **blocks: Any) -> Lane:
    families = blocks.pop("families", None)
    return Lane(tmp_path / "lane", params_for(families, **blocks), frame)


def stage_file(lane: Lane, stage: str, name: str, model: str | None = None) -> Path:
    return lane.layout.stage(stage, PRODUCT, model) / name


# --- label and prepare -----------------------------------------------------------------------------------------------


def test_turns_without_reply_action_or_history_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = frame_of(rows(300))
    frame.loc[0, "reply"], frame.loc[1, "action"], frame.loc[2, "history"] = None, " ", ""
    lane = lane_of(tmp_path, frame)
    assert lane.run("label").passed
    report = read_json(stage_file(lane, "label", "report.json"))
    assert (report["without_label"], report["without_history"], report["rows"]) == (2, 1, len(frame) - 3)


def test_equal_replies_with_another_action_are_suspect_and_too_many_block(tmp_path: Path) -> None:
    frame = frame_of(rows(300))
    same = frame.index[frame["reply"] == "Hello, how can I help?"]
    frame.loc[same[0], "action"] = "goodbye"
    lane = lane_of(tmp_path, frame)
    assert lane.run("label").passed
    suspect = read_parquet(stage_file(lane, "label", "rows.parquet"))["_suspect"]
    assert suspect.idxmax() == same[0]
    strict = lane_of(tmp_path / "strict", frame, label={"max_noise": 0.0}).run("label")
    assert not strict.passed
    assert "rare among equal replies" in strict.line()


def test_a_missing_column_and_rows_without_a_reply_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'action' is missing"):
        lane_of(tmp_path / "a", frame_of(rows(200)).drop(columns=["action"])).run("label")
    with pytest.raises(DataError, match="no turn has a reply"):
        lane_of(tmp_path / "b", frame_of(rows(200)).assign(reply=None)).run("label")


def test_whole_dialogues_lie_on_one_side_and_judged_rows_have_no_draft(tmp_path: Path) -> None:
    lane = lane_of(tmp_path)
    lane.run("label")
    assert lane.run("prepare").passed
    frame = read_parquet(stage_file(lane, "prepare", "rows.parquet"))
    assert frame.groupby("dialogue_id")["_split"].nunique().max() == 1
    train = frame["_split"] == "train"
    assert frame.loc[~train, "draft"].isna().all()
    assert 0 < frame.loc[train, "draft"].notna().sum() < frame.loc[train, "_draft"].notna().sum()
    schema = read_json(stage_file(lane, "prepare", "schema.json"))
    assert [field["name"] for field in schema["fields"]] == ["history", "knowledge", "looked_up", "draft"]
    assert schema["task"] == "reply"
    shown = json.dumps(schema["fields"])
    assert not [one for one in frame["reply"].unique() if len(one) > 30 and one in shown]


@pytest.mark.slow
def test_copies_of_judged_dialogues_leave_the_train_side_and_replies_in_their_history_block(tmp_path: Path) -> None:
    frame = frame_of(rows(600))
    twice = pd.concat([frame, frame.assign(turn_id="x" + frame["turn_id"], dialogue_id="x" + frame["dialogue_id"])])
    lane = lane_of(tmp_path / "a", twice.reset_index(drop=True))
    lane.run("label")
    assert lane.run("prepare").passed
    assert read_json(stage_file(lane, "prepare", "report.json"))["copies_removed_from_train"] > 20
    leak = frame.assign(history=frame["history"] + "\nagent: " + frame["reply"])
    lane = lane_of(tmp_path / "b", leak)
    lane.run("label")
    verdict = lane.run("prepare")
    assert not verdict.passed
    assert "last line of their own history" in verdict.line()


def test_too_few_replies_to_judge_by_are_refused(tmp_path: Path) -> None:
    lane = lane_of(tmp_path, frame_of(rows(90)))
    lane.run("label")
    with pytest.raises(DataError, match="too few replies"):
        lane.run("prepare")


# --- train to package ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    return packed(tmp_path_factory.getbasetemp() / "replies", True)


@pytest.mark.slow
class TestWholeLane:
    def test_the_bundle_answers_every_judged_row_as_it_was_judged(self, whole: Lane) -> None:
        judged = read_parquet(stage_file(whole, "evaluate", "result/predictions.parquet"))
        frame = read_parquet(stage_file(whole, "prepare", "rows.parquet")).iloc[judged["_row"]]
        model = load_answering("reply", whole.bundle, lambda _: None)
        names = ["history", "knowledge", "looked_up", "draft"]
        given = model.answer(frame[names].astype(object).where(frame[names].notna(), None).to_dict("records"))
        assert len(given) > 150
        wanted = [
            {"reply": text, "action": action, "hand_over": over == "yes", "confidence": sure}
            for text, action, over, sure in zip(
                judged["reply_given"], judged["next_action"], judged["hand_over"], judged["confidence"], strict=True
            )
        ]
        assert answers_apart("reply", given, wanted) <= 1e-4  # many rows at once against one by one
        golden = read_json(whole.bundle / "golden.json")
        assert answers_apart("reply", model.answer(golden["rows"]), golden["answers"]) <= 1e-6

    def test_metrics_have_intervals_and_the_pages_name_the_product(self, whole: Lane) -> None:
        metrics = read_json(stage_file(whole, "evaluate", "metrics.json"))
        assert metrics["bleu"]["low"] <= metrics["bleu"]["value"] <= metrics["bleu"]["high"]
        assert 0.0 <= metrics["action_accuracy"]["value"] <= 1.0
        assert metrics["foreign"]["value"] == 0.0
        page = stage_file(whole, "evaluate", "result/errors.html").read_text(encoding="utf-8")
        assert "Replies (test)" in page
        assert "<script" not in page
        card = (whole.bundle / "card.md").read_text(encoding="utf-8")
        assert "BLEU" in card
        assert "retrieval" in card

    def test_the_same_rows_give_the_same_bytes(self, whole: Lane, tmp_path: Path) -> None:
        again = packed(tmp_path / "again", True)
        first, second = (
            {path.relative_to(one.bundle): path.read_bytes() for path in one.bundle.rglob("*") if path.is_file()}
            for one in (whole, again)
        )
        assert first == second

    def test_what_is_told_on_the_way_ends_in_the_same_answer(self, whole: Lane, tmp_path: Path) -> None:
        writer = with_writer(whole.bundle, tmp_path / "slow", PRODUCT, width=16, tokens=12)
        for bundle, tokens in ((whole.bundle, 0), (writer, 12)):
            model = load_answering("reply", bundle, lambda _: None)
            assert isinstance(model, ReplyModel)
            for row in asked(8):
                heard: list[tuple[str, Any]] = []
                assert (
                    model.tell(row, lambda name, data, kept=heard: kept.append((name, data))) == model.answer([row])[0]
                )
                assert [name for name, _ in heard] == ["action", *["writing"] * tokens]
                assert heard[0][1]["likely"][0]["probability"] >= heard[0][1]["likely"][1]["probability"]

    def test_a_listener_that_raises_ends_the_writing(self, whole: Lane, tmp_path: Path) -> None:
        model = load_answering(
            "reply", with_writer(whole.bundle, tmp_path / "slow", PRODUCT, width=16, tokens=200), lambda _: None
        )
        assert isinstance(model, ReplyModel)
        heard: list[str] = []

        def listen(name: str, _: Any) -> None:
            heard.append(name)
            if len(heard) == 5:
                raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            model.tell(asked(1)[0], listen)
        assert len(heard) == 5

    def test_new_subjects_are_seen_by_the_watch(self, whole: Lane) -> None:
        from datetime import date

        from pipelines.sources.simulators import dialogues

        product = whole.params.product(PRODUCT)
        found = {}
        for shift in ("none", "new_subject"):
            frame = dialogues.production_day(3, date(2026, 5, 1), 300, shift)
            seen = watched(product, whole.bundle, frame)
            assert len(seen) == len(frame)
            found[shift] = float(seen["message_unknown"].mean())
            assert watched_roles(product, list(seen.columns))["message_unknown"] == "feature"
        assert found["new_subject"] > 1.4 * found["none"]

    def test_a_challenger_is_judged_on_the_same_rows(self, whole: Lane) -> None:
        model = load_answering("reply", whole.bundle, lambda _: None)
        frame = read_parquet(stage_file(whole, "prepare", "rows.parquet"))
        test = frame[frame["_split"] == "test"].reset_index(drop=True)
        judge = judge_rows(whole.params.product(PRODUCT), read_json(whole.bundle / "schema.json"), test, model)
        assert judge.n == test["dialogue_id"].nunique()

    @pytest.mark.parametrize(
        "name", ["choice.json", "export.json", "retrieval/templates.json", "retrieval/retrieval.npz"]
    )
    def test_a_damaged_bundle_is_refused_and_names_the_file(self, whole: Lane, tmp_path: Path, name: str) -> None:
        import shutil

        copy = shutil.copytree(whole.bundle, tmp_path / "bundle")
        (copy / name).write_bytes(b"{}" if name.endswith("json") else b"no zip")
        with pytest.raises(BundleError):
            load_answering("reply", copy, lambda _: None)

    def test_an_encoder_decoder_is_trained_beside_and_served_only_where_it_helps(self, tmp_path: Path) -> None:
        lane = lane_of(tmp_path, families={"retrieval": SEARCH, "seq2seq": SMALL})
        for verdict in lane.whole().values():
            assert verdict.passed, verdict.line()
        texts = read_parquet(stage_file(lane, "train", "predictions.parquet", "seq2seq"))["texts"]
        assert all(json.loads(text) for text in texts)
        choice = read_json(stage_file(lane, "evaluate", "result/choice.json"))
        facts = read_json(stage_file(lane, "evaluate", "result/card.json"))
        served = [member["family"] for member in choice["members"]]
        assert served == ["retrieval"] or "gain beyond noise" in json.dumps(facts)
        assert (lane.bundle / "seq2seq").is_dir() == ("seq2seq" in served)

    def test_candidates_and_metrics_that_do_not_exist_are_named(self, tmp_path: Path) -> None:
        lane = lane_of(tmp_path, evaluate={"metric": "poetry"})
        lane.run("label")
        lane.run("prepare")
        lane.run("train", "retrieval")
        with pytest.raises(ConfigError, match="no metric 'poetry'"):
            lane.run("evaluate")
