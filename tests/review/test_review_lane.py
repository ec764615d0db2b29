"""From wrong and missing labels to a night with the right ones: chosen, answered, pinned, learned from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from review_world import PRODUCT, make_world, night, say, today, true_rows, write_source

from pipelines.config import Params
from pipelines.errors import ConfigError
from pipelines.files import read_json, read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshot
from pipelines.problems.common.splits import assign
from pipelines.records import feedback, predictions, registry, review
from pipelines.records.feedback import Feedback
from pipelines.records.predictions import Logged
from pipelines.records.store import Records, now, open_records
from pipelines.release.registering import register
from pipelines.review.door import fill_lines
from pipelines.review.filling import fill
from pipelines.runtime import run_stage

pytestmark = pytest.mark.slow
WRONG, MISSING = 24, 50


@dataclass
class World:
    layout: Layout
    params: Params
    records: Records
    truth: dict[str, str]
    wrong: set[str]
    missing: set[str]
    source: pd.DataFrame

    def rows(self, stage: str = "label") -> pd.DataFrame:
        return read_parquet(self.layout.stage(stage, PRODUCT) / "rows.parquet")

    def sides(self) -> dict[str, str]:
        frame = self.rows("validate")
        side = assign(frame, self.params.product(PRODUCT).columns, self.params.product(PRODUCT).prepare.split)
        return dict(zip(frame["id"].astype(str), side, strict=True))


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, pd.DataFrame]:
    """One night over a source with wrong and missing labels; tests work on copies."""
    folder = tmp_path_factory.mktemp("review")
    frame = true_rows(420)
    spoiled, rng = frame.copy(), np.random.default_rng(1)
    chosen = rng.choice(len(frame), WRONG + MISSING, replace=False)
    classes = sorted(frame["area"].unique())
    for row in chosen[:WRONG].tolist():
        spoiled.loc[row, "area"] = classes[(classes.index(frame["area"][row]) + 1) % len(classes)]
    spoiled.loc[chosen[WRONG:], "area"] = None
    layout, params = make_world(folder / "first", spoiled)
    night(layout, params)
    records = open_records(layout.records_url)
    version = register(layout, records, params, PRODUCT, "n1").version
    registry.move_champion(records, PRODUCT, version, kind="promote", who="t", why="t", expected=None)
    records.close()
    return folder / "first", frame, spoiled


@pytest.fixture
def world(first_night: tuple[Path, pd.DataFrame, pd.DataFrame], tmp_path: Path) -> Iterator[World]:
    from pipelines.config import load_params

    folder, frame, spoiled = first_night
    shutil.copytree(folder, tmp_path / "copy")
    layout = Layout(tmp_path / "copy")
    records = open_records(layout.records_url)
    ids = frame["id"].astype(str)
    truth = dict(zip(ids, frame["area"], strict=True))
    missing = set(ids[spoiled["area"].isna()])
    wrong = set(ids[(spoiled["area"] != frame["area"]) & spoiled["area"].notna()])
    yield World(layout, load_params(layout.params), records, truth, wrong, missing, spoiled)
    records.close()


def test_suspects_and_unsure_rows_of_the_train_side_are_asked_and_no_others(world: World) -> None:
    line = fill(world.layout, world.params, PRODUCT)
    assert "20 rows put into the review queue" in line
    items = review.items_of(world.records, PRODUCT)
    assert len(items) == world.params.product(PRODUCT).label.review.per_night
    sides = world.sides()
    assert {sides[item.key] for item in items} == {"train"}
    suspects = {item.key for item in items if item.source == "suspect"}
    unsure = {item.key for item in items if item.source == "uncertain"}
    assert unsure <= world.missing
    assert len(unsure) == 10
    assert len(suspects & world.wrong) >= 7, "most of the ten suspects are the wrong ones"
    for item in items:
        assert set(item.shown) == {"text"}
        assert item.proposed
        assert item.given == (None if item.key in world.missing else item.given)
        assert all(one["text"] != item.shown["text"] for one in item.similar)
    proposed = [item.proposed[0]["label"] == world.truth[item.key] for item in items if item.key in world.wrong]
    assert sum(proposed) >= len(proposed) - 2, "what the other folds think is proposed first"


def test_the_next_night_learns_from_the_answers_and_an_earlier_day_does_not_see_them(world: World) -> None:
    fill(world.layout, world.params, PRODUCT)
    items = review.items_of(world.records, PRODUCT)
    for item in items:
        say(world.records, item, world.truth[item.key])
    assert review.counts(world.records) == {PRODUCT: {"settled": 20}}
    before = sha256_tree(world.layout.snapshot(PRODUCT))
    take_snapshot(world.layout, world.params, PRODUCT, today() - timedelta(days=1))
    assert sha256_tree(world.layout.snapshot(PRODUCT)) == before
    night(world.layout, world.params, last="prepare")
    label_of = dict(zip(world.rows()["id"].astype(str), world.rows()["area"], strict=True))
    assert all(label_of[item.key] == world.truth[item.key] for item in items)
    source = dict(zip(world.rows()["id"].astype(str), world.rows()["_label_source"], strict=True))
    assert {key for key, value in source.items() if value == "human_review"} == {item.key for item in items}
    report = read_json(world.layout.stage("label", PRODUCT) / "report.json")
    assert report["label_source"]["human_review"] == 20
    told = read_json(world.layout.stage("fetch", PRODUCT) / "provenance.json")["reviewed"]
    assert told["rows"] == 20
    assert told["changed"] == sum(item.given != world.truth[item.key] for item in items)
    pinned = sha256_tree(world.layout.snapshot(PRODUCT))
    assert not take_snapshot(world.layout, world.params, PRODUCT, today()).changed
    assert sha256_tree(world.layout.snapshot(PRODUCT)) == pinned
    asked = {item.key for item in items}
    fill(world.layout, world.params, PRODUCT)
    open_now = [item for item in review.items_of(world.records, PRODUCT) if item.state == "open"]
    assert open_now
    assert asked.isdisjoint(item.key for item in open_now), "what people answered is not asked again"


def test_a_label_is_not_put_on_a_row_that_has_changed_or_gone(world: World) -> None:
    fill(world.layout, world.params, PRODUCT)
    changed, gone, kept = review.items_of(world.records, PRODUCT)[:3]
    for item in (changed, gone, kept):
        say(world.records, item, world.truth[item.key])
    source = world.source[world.source["id"].astype(str) != gone.key].copy()
    source.loc[source["id"].astype(str) == changed.key, "text"] = "something else was written here"
    write_source(world.layout.root, source)
    take_snapshot(world.layout, world.params, PRODUCT, today())
    verdict = run_stage(world.layout, "fetch", PRODUCT)
    told = read_json(world.layout.stage("fetch", PRODUCT) / "provenance.json")["reviewed"]
    assert (told["rows"], told["left_out"]) == (1, {"no longer in the source": 1, "the row has changed since": 1})
    assert "left out: 1 no longer in the source" in next(one.detail for one in verdict.checks if one.name == "reviewed")


def test_people_outrank_an_equal_row_with_another_label(world: World) -> None:
    fill(world.layout, world.params, PRODUCT)
    item = next(one for one in review.items_of(world.records, PRODUCT) if one.source == "suspect")
    twin = pd.DataFrame([{"id": 990_001, "text": item.shown["text"], "area": item.given}])
    write_source(world.layout.root, pd.concat([world.source, twin], ignore_index=True))
    other = next(label for label in set(world.truth.values()) if label != item.given)
    say(world.records, item, other)
    night(world.layout, world.params, last="label")
    label_of = dict(zip(world.rows()["id"].astype(str), world.rows()["area"], strict=True))
    assert label_of[item.key] == other
    assert "990001" not in label_of


def answered(request: str, text: str, scores: dict[str, float], sure: bool) -> Logged:
    decision = max(scores, key=lambda name: scores[name])
    answer = {"score": scores, "decision": decision, "sure": sure, "threshold": 0.6}
    return Logged(request, 0, PRODUCT, "v", now(), {"text": text}, answer)


def test_production_is_asked_about_and_its_answers_become_rows(world: World) -> None:
    log = open_records(world.layout.log_url)
    unsure = {"cardiac": 0.4, "urinary": 0.35, "digestive": 0.25}
    sure = {"cardiac": 0.97, "urinary": 0.02, "digestive": 0.01}
    texts = {"low": "a weak stream and a tight chest", "told": "swollen knee", "wrong": "burning when passing water"}
    predictions.append(
        log,
        [
            answered("low", texts["low"], unsure, False),
            answered("told", texts["told"], unsure, False),
            answered("wrong", texts["wrong"], sure, True),
            answered("fine", "chest pain on stairs", sure, True),
        ],
    )
    for request, outcome in (("told", "cardiac"), ("told", "urinary"), ("wrong", "urinary"), ("fine", "cardiac")):
        feedback.add(log, [Feedback(request, 0, PRODUCT, outcome, now())])
    log.close()
    fill(world.layout, world.params, PRODUCT)
    found = {item.key: item for item in review.items_of(world.records, PRODUCT) if item.kind == "request"}
    assert {key: item.source for key, item in found.items()} == {
        "low:000000": "low_confidence_production",
        "told:000000": "contradicting_feedback",
        "wrong:000000": "contradicting_feedback",
    }
    assert "cardiac and urinary" in found["told:000000"].why
    assert found["wrong:000000"].given == "urinary"
    ordered = sorted(review.items_of(world.records, PRODUCT), key=lambda item: -item.priority)
    assert [item.key for item in ordered[:2]] == ["told:000000", "wrong:000000"], "people's contradictions come first"
    for key, label in {"low:000000": "urinary", "told:000000": "musculoskeletal", "wrong:000000": "urinary"}.items():
        say(world.records, found[key], label)
    night(world.layout, world.params, last="label")
    rows = world.rows().set_index("text")
    assert [rows.loc[texts[key], "area"] for key in ("low", "told", "wrong")] == [
        "urinary",
        "musculoskeletal",
        "urinary",
    ]
    assert set(rows.loc[[texts[key] for key in ("low", "told", "wrong")], "_label_source"]) == {"human_review"}
    assert pd.isna(rows.loc["chest pain on stairs", "_label_source"])
    told = read_json(world.layout.stage("fetch", PRODUCT) / "provenance.json")
    assert (told["reviewed"]["requests"]["rows"], told["feedback"]["rows"]) == (3, 1)


def test_a_fill_that_cannot_be_done_is_one_line_and_leaves_the_queue(world: World) -> None:
    fill(world.layout, world.params, PRODUCT)
    (world.layout.stage("validate", PRODUCT) / "rows.parquet").unlink()
    line = next(iter(fill_lines(world.layout, world.params, [PRODUCT])))
    assert "20 wait" in line, "the lane ran elsewhere: what its models chose stands"
    with pytest.raises(ConfigError, match="no product 'other'"):
        next(iter(fill_lines(world.layout, world.params, ["other"])))


def test_without_any_answer_nothing_is_pinned(tmp_path: Path) -> None:
    layout, params = make_world(tmp_path, true_rows(60))
    result = take_snapshot(layout, params, PRODUCT, today())
    assert sorted(path.name for path in result.folder.iterdir() if "review" in path.name) == []
    assert not Path(layout.records_url.removeprefix("sqlite:///")).exists(), "no records are made by looking"
