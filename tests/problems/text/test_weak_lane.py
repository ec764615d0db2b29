"""Partly labelled texts through the stages: who labels what, what only people may judge, what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from text_lanes import Lane, params_for, rows

from pipelines.errors import ConfigError, DataError
from pipelines.features.text import clean
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.problems import stage_of
from pipelines.problems.common import splits
from pipelines.problems.text.core.duplicates import text_codes
from pipelines.step import Step
from pipelines.verdicts import write_verdict

WORDS = {
    "cardiac": ["breastbone", "palpitations", "angina", "murmur", "fibrillation", "swollen ankles", "chest"],
    "respiratory": ["cough", "wheezing", "crackles", "asthma", "bronchitis"],
    "digestive": ["heartburn", "diarrhoea", "nausea", "upper right belly", "constipation", "stool", "cramps"],
    "urinary": ["urine", "urination", "kidney", "prostate", "cystitis", "urinary"],
    "neurological": ["headache", "numbness", "seizure", "tremor", "speech", "migraine"],
    "musculoskeletal": ["knee", "back pain", "joints", "ankle", "shoulder", "gout"],
}
FUNCTIONS: list[dict[str, Any]] = [
    {"kind": "keyword", "name": f"words_{area}", "words": words, "label": area} for area, words in WORDS.items()
] + [
    {"kind": "regex", "name": "heart_rhythm", "pattern": r"pulse|puls|fibrill", "label": "cardiac"},
    {"kind": "keyword", "name": "careless", "words": ["fever", "days", "pain"], "label": "digestive"},
    {"kind": "code", "name": "joint_or_bone"},
]


def joint_or_bone(row: Mapping[str, Any]) -> str | None:
    assert "area" not in row
    return "musculoskeletal" if {"ankle", "ankle,", "knee", "toe", "shoulder"} & set(row["text"].split()) else None


def partly(hidden: float = 0.75, count: int = 900) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Notes of which a share has lost its label, and all true labels by id."""
    frame = rows(count)
    truth = frame.set_index("id")["area"]
    lost = np.random.default_rng(0).random(len(frame)) < hidden
    frame["area"] = frame["area"].where(~lost, None)
    return frame, truth


def weak_block(**changes: Any) -> dict[str, Any]:
    return {"weak": {"module": "test", "functions": FUNCTIONS, "min_confidence": 0.7} | changes}


def labelled_lane(
    folder: Path, frame: pd.DataFrame, label: dict[str, Any], code: Mapping[str, Callable[..., Any]] | None = None
) -> Lane:
    lane = Lane(folder, params_for({"linear_text": {}}, label=label), frame)
    out = lane.layout.stage("label", "notes")
    out.mkdir(parents=True, exist_ok=True)
    run: Any = stage_of("text", "label")
    functions = {"joint_or_bone": joint_or_bone} if code is None else code
    write_verdict(out, run(Step("label", "notes", lane.params, lane.layout, out, None), None, functions))
    return lane


def read(layout: Layout, stage: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    folder = layout.stage(stage, "notes")
    return read_parquet(folder / "rows.parquet"), read_json(folder / "report.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    frame, _ = partly()
    few = weak_block(functions=FUNCTIONS[2:]) | {"self_training": {"max_risk": 0.45, "confidence": 0.8}}
    lane = labelled_lane(tmp_path_factory.mktemp("weak"), frame, few)
    lane.run("prepare")
    return lane


def test_others_label_only_train_rows_and_mostly_right(made: Lane) -> None:
    frame, report = read(made.layout, "label")
    _, truth = partly()
    side = splits.assign(frame, made.params.product("notes").columns, made.params.product("notes").prepare.split)
    for source, least in (("weak", 0.85), ("model", 0.65)):
        theirs = (frame["_label_source"] == source).to_numpy()
        assert theirs.sum() > 20
        assert set(side[theirs]) == {"train"}
        assert (frame["area"] == frame["id"].map(truth))[theirs].mean() > least
    people = frame["_label_source"] == "human"
    assert (frame.loc[people, "_label_confidence"] == 1.0).all()
    assert frame.loc[~people, "_label_confidence"].between(0.0, 1.0, inclusive="right").all()
    told = report["labelled_by_others"]
    assert report["label_source"] == frame["_label_source"].value_counts().to_dict()
    weak = told["weak"]["rows"]
    asked = told["rows"]["looked_at"] - told["rows"]["on_valid_and_test_side"] - told["rows"]["like_a_labelled_row"]
    assert asked == weak["labelled"] + weak["no_function_answered"] + weak["not_sure_enough"]


def test_the_report_tells_good_functions_from_careless_ones(made: Lane) -> None:
    _, report = read(made.layout, "label")
    functions = {one["name"]: one for one in report["labelled_by_others"]["weak"]["functions"]}
    assert functions["careless"]["estimated_accuracy"] < 0.6 < functions["words_urinary"]["estimated_accuracy"]
    for one in functions.values():
        assert one["conflict"] <= one["overlap"] <= one["coverage"] <= 1.0
        low, high = one["people"]["low"], one["people"]["high"]
        if one["people"]["rows"] >= 15:
            assert low - 0.1 <= one["estimated_accuracy"] <= high + 0.1
    measured = report["labelled_by_others"]["weak"]["on_valid_rows"]
    assert measured["label_model"]["accuracy"] >= measured["majority"]["accuracy"]


def test_only_people_judge_and_a_weak_row_weighs_by_its_confidence(made: Lane) -> None:
    frame, report = read(made.layout, "prepare")
    held = frame[frame["_split"] != "train"]
    assert set(held["_label_source"]) == {"human"}
    assert np.allclose(frame["_weight"], frame["_label_confidence"])
    assert (frame["_weight"] < 1.0).any()
    assert report["labels"]["sources"]["test"]["human"] == (frame["_split"] == "test").sum()
    assert report["labels"]["sources"]["train"]["weak"] > 0
    people = text_codes([clean(text) for text in held["text"]])
    assert len(people) == len(held)


def test_the_same_rows_give_the_same_bytes(made: Lane, tmp_path: Path) -> None:
    frame, _ = partly()
    few = weak_block(functions=FUNCTIONS[2:]) | {"self_training": {"max_risk": 0.45, "confidence": 0.8}}
    again = labelled_lane(tmp_path, frame, few)
    for name in ("rows.parquet", "report.json", "suspects.json"):
        first, second = (lane.layout.stage("label", "notes") / name for lane in (made, again))
        assert first.read_bytes() == second.read_bytes(), name


def test_suspects_are_named_with_the_label_that_is_likelier(tmp_path: Path) -> None:
    frame, truth = partly(hidden=0.0, count=500)
    flipped = frame["id"].iloc[::25]
    frame.loc[frame["id"].isin(flipped), "area"] = frame["area"].map(
        {"cardiac": "urinary", "respiratory": "urinary", "digestive": "cardiac", "urinary": "neurological",
         "neurological": "digestive", "musculoskeletal": "respiratory"}
    )  # fmt: skip
    lane = labelled_lane(tmp_path, frame, {"conflicts": "keep"})
    listed = read_json(lane.layout.stage("label", "notes") / "suspects.json")
    frame = read(lane.layout, "label")[0].set_index("id")
    doubt = [frame.at[int(one["id"]), "_suspect"] for one in listed]
    assert doubt == sorted(doubt, reverse=True)
    assert doubt[-1] > 0.5
    assert len(listed) == (frame["_suspect"] > 0.5).sum()
    given = frame["area"]
    top = listed[: len(flipped)]
    assert all(one["given"] == given[int(one["id"])] != one["proposed"] for one in top)
    found = [one for one in top if int(one["id"]) in set(flipped)]
    assert len(found) > 0.5 * len(flipped)
    assert sum(one["proposed"] == truth[int(one["id"])] for one in found) > 0.7 * len(found)


BAD: dict[str, tuple[dict[str, Any], Mapping[str, Callable[..., Any]], type[Exception], str]] = {
    "unknown": (
        {"functions": [{"kind": "code", "name": "joint_or_bon"}]}, {"joint_or_bone": joint_or_bone}, ConfigError,
        "no labelling function 'joint_or_bon'; the nearest is 'joint_or_bone'",
    ),
    "raises": (
        {"functions": [{"kind": "code", "name": "broken"}]}, {"broken": lambda row: row["missing"]}, DataError,
        r"'broken' raised KeyError: 'missing' \[row=\d+\]",
    ),
    "other class": (
        {"functions": [{"kind": "code", "name": "wild"}]}, {"wild": lambda _: "neurologcal"}, DataError,
        r"'wild' answered 'neurologcal', which no person's label is; the nearest class is 'neurological' \[row=\d+\]",
    ),
    "declared class": (
        {"functions": [{"kind": "keyword", "name": "k", "words": ["pain"], "label": "dental"}]}, {}, ConfigError,
        "no class 'dental'",
    ),
    "column": (
        {"functions": [{"kind": "rule", "name": "r", "column": "sexx", "values": ["male"], "label": "urinary"}]}, {},
        ConfigError, "no column 'sexx'; the nearest is 'sex'",
    ),
    "one class under dawid_skene": (
        {"functions": FUNCTIONS[:2], "model": "dawid_skene"}, {}, ConfigError, "answer one class only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_function_is_named(case: str, tmp_path: Path) -> None:
    changes, code, error, words = BAD[case]
    with pytest.raises(error, match=words):
        labelled_lane(tmp_path, partly(count=300)[0], weak_block(**changes), code)


@pytest.mark.slow
def test_weak_rows_lift_the_model_and_the_card_tells_of_them(tmp_path: Path) -> None:
    frame, _ = partly(hidden=0.8)
    few = labelled_lane(tmp_path / "few", frame, {"unlabelled": "allowed"})
    more = labelled_lane(tmp_path / "more", frame, weak_block())
    found = {}
    for name, lane in (("few", few), ("more", more)):
        assert lane.run("prepare").passed
        assert lane.run("train", "linear_text").passed
        lane.run("evaluate")
        found[name] = read_json(lane.layout.stage("evaluate", "notes") / "metrics.json")["accuracy"]["value"]
    assert found["more"] > found["few"] + 0.03
    assert more.run("export").passed
    assert more.run("package").passed
    card = (more.layout.stage("package", "notes") / "bundle" / "card.md").read_text(encoding="utf-8")
    assert "by labelling functions" in card
    assert "words_urinary (keyword): coverage" in card
    cases = read_json(more.layout.stage("package", "notes") / "bundle" / "cases.json")
    people = set(frame.loc[frame["area"].notna(), "id"])
    assert {one["id"] for one in cases} <= people
