"""An uplift lane on a world whose effects are known, from labelled rows to the packed model."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uplift_lanes as lanes

from pipelines.bundle import verify_bundle
from pipelines.config import Params
from pipelines.errors import BundleError
from pipelines.files import read_json, read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.metrics.intervals import difference
from pipelines.monitoring.measured import measure
from pipelines.problems import answered, answers_apart, judge_rows, load_answering, watched_roles
from pipelines.problems.common.frames import frame_columns
from pipelines.records.predictions import Logged
from pipelines.sources.simulators import uplift


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Params]:
    """A lane run to its bundle; not to be changed."""
    layout, params = Layout(tmp_path_factory.mktemp("uplift")), lanes.params_of(learners=("t", "dr"))
    assert lanes.until(layout, params, lanes.rows(7000), "package").passed
    return layout, params


def bundle_of(layout: Layout) -> Path:
    return layout.stage("package", lanes.PRODUCT) / "bundle"


def test_the_bundle_is_whole_and_answers_its_golden_rows(lane: tuple[Layout, Params]) -> None:
    folder = bundle_of(lane[0])
    assert verify_bundle(folder).problem == "uplift"
    golden = read_json(folder / "golden.json")
    model = load_answering("uplift", folder, lambda _: None)
    assert answers_apart("uplift", model.answer(golden["rows"]), golden["answers"]) < 1e-9


def test_the_learner_recovers_the_true_uplift(lane: tuple[Layout, Params]) -> None:
    model = load_answering("uplift", bundle_of(lane[0]), lambda _: None)
    world = uplift.population(99, 5000)
    told = model.scores({name: world[name] for name in model.fields})
    for place, arm in enumerate(uplift.ARMS):
        truth = uplift.true_uplift(world, arm)
        assert np.corrcoef(told[:, place], truth)[0, 1] > 0.7
        assert abs(told[:, place].mean() - truth.mean()) < 0.04
    best = np.stack([uplift.true_uplift(world, arm) - 0.02 for arm in uplift.ARMS], axis=1)
    offer = model.predictor.offers(told)  # type: ignore[attr-defined]
    gained = np.where(offer > 0, best[np.arange(5000), np.maximum(offer, 1) - 1], 0.0).mean()
    assert gained > best.mean(axis=0).max() + 0.01
    assert gained > 0.75 * np.maximum(best.max(axis=1), 0.0).mean()


def test_an_answer_names_uplift_offer_interval_and_rank(lane: tuple[Layout, Params]) -> None:
    model = load_answering("uplift", bundle_of(lane[0]), lambda _: None)
    row = read_json(bundle_of(lane[0]) / "golden.json")["rows"][0]
    found = model.answer([row], explain=True)[0]
    assert set(found["score"]) == {"none", *uplift.ARMS}
    assert found["score"]["none"] == 0.0
    assert found["decision"] in {"none", *uplift.ARMS}
    for arm in uplift.ARMS:
        low, high = found["interval"][arm]
        assert low <= found["score"][arm] <= high
        assert 0.0 <= found["rank"][arm] <= 1.0
    assert {reason["feature"] for reason in found["reasons"]} <= set(model.fields)


def test_shap_of_the_difference_adds_up_to_the_uplift(lane: tuple[Layout, Params]) -> None:
    model: Any = load_answering("uplift", bundle_of(lane[0]), lambda _: None)
    frame = read_parquet(lane[0].stage("prepare", lanes.PRODUCT) / "rows.parquet").head(40)
    design = model.predictor.design(frame_columns(frame, model.fields))
    whole = model.predictor._scorer.contributions(design)
    assert np.abs(whole.sum(axis=2) - model.predictor.told(design)).max() < 1e-9


def test_what_is_judged_is_what_is_served(lane: tuple[Layout, Params]) -> None:
    layout, _ = lane
    checks = read_json(layout.stage("export", lanes.PRODUCT) / "verdict.json")["checks"]
    assert [check["ok"] for check in checks] == [True]
    assert checks[0]["value"] < 1e-9


def test_the_report_compares_with_every_simple_policy(lane: tuple[Layout, Params]) -> None:
    card = read_json(lane[0].stage("evaluate", lanes.PRODUCT) / "result" / "card.json")
    names = [one["name"] for one in card["policies"]]
    assert names == ["recommended", "no one", "everyone mens_mail", "everyone womens_mail", "response ranking"]
    assert card["policies"][0]["value"]["low"] > 0.0
    text = (bundle_of(lane[0]) / "card.md").read_text()
    assert "What targeting gains" in text
    assert all(limit in text for limit in card["limits"])


def test_no_row_is_answered_by_a_model_that_has_seen_it(lane: tuple[Layout, Params]) -> None:
    from pipelines.problems.uplift.core.prepared import load_prepared
    from pipelines.problems.uplift.train.run import folds_of

    layout, params = lane
    prepared = load_prepared(layout.stage("prepare", lanes.PRODUCT), params.product(lanes.PRODUCT).columns, None)
    rows = prepared.rows("train", "valid")
    fold = folds_of(prepared, rows, 2, 0)
    strata = prepared.arm[rows] * 2 + prepared.y[rows]
    for value in np.unique(strata):
        sizes = np.bincount(fold[strata == value], minlength=2)
        assert abs(int(sizes[0]) - int(sizes[1])) <= 1


def test_the_champion_gate_prefers_true_uplift_to_its_reverse(lane: tuple[Layout, Params]) -> None:
    layout, params = lane
    product = params.product(lanes.PRODUCT)
    frame = read_parquet(layout.stage("prepare", lanes.PRODUCT) / "rows.parquet")
    frame = frame[frame["_split"] == "test"].reset_index(drop=True)
    schema = read_json(layout.stage("prepare", lanes.PRODUCT) / "schema.json")
    model: Any = load_answering("uplift", bundle_of(layout), lambda _: None)
    good = judge_rows(product, schema, frame, model)

    class Reverse:
        task, classes, fields = "uplift", model.classes, model.fields

        def scores(self, columns: Any) -> Any:
            return -model.scores(columns)

    bad = judge_rows(product, schema, frame, Reverse())  # type: ignore[arg-type]
    assert difference(good, bad, "policy_value", 100, 0.95).better(0.95)
    Reverse.classes = ["none", "mens_mail"]
    with pytest.raises(BundleError, match="arms"):
        judge_rows(product, schema, frame, Reverse())  # type: ignore[arg-type]


def test_answers_are_watched_under_the_names_of_the_reference(lane: tuple[Layout, Params]) -> None:
    layout, params = lane
    schema, golden = read_json(bundle_of(layout) / "schema.json"), read_json(bundle_of(layout) / "golden.json")
    columns = answered("uplift", schema, [*golden["answers"], None])
    reference = read_parquet(bundle_of(layout) / "reference.parquet")
    assert set(columns) <= set(reference.columns)
    roles = watched_roles(params.product(lanes.PRODUCT), list(reference.columns))
    assert {name for name, role in roles.items() if role == "prediction"} == {"score_1", "score_2", "decision"}
    assert not {"arm", "visit"} & set(roles)


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    other = Layout(tmp_path)
    one = lanes.params_of(learners=("t",))
    lanes.until(other, one, lanes.rows(1500), "export")
    again = Layout(tmp_path / "again")
    lanes.until(again, one, lanes.rows(1500), "export")
    assert sha256_tree(other.lane(lanes.PRODUCT)) == sha256_tree(again.lane(lanes.PRODUCT))


def test_performance_is_measured_on_customers_whose_arm_was_drawn(lane: tuple[Layout, Params]) -> None:
    layout, params = lane
    product, bundle = params.product(lanes.PRODUCT), bundle_of(layout)
    schema = read_json(bundle / "schema.json")
    assert schema["outcomes"] == [0, 1]
    assert "arm" in schema["also"]
    model: Any = load_answering("uplift", bundle, lambda _: None)

    def told(day: date, shift: str, drawn: bool) -> list[tuple[Logged, Any]]:
        sent, came = uplift.production_day(7, day, 3000, shift), uplift.outcomes(7, day, 3000, shift)
        rows = sent.to_dict("records")
        answers = model.answer(rows)
        return [
            (
                Logged("r", place, lanes.PRODUCT, "v", "2026-02-01T00:00:00.000+00:00",
                       {name: value for name, value in row.items() if drawn or name != "arm"}, answer),
                int(visit),
            )
            for place, (row, answer, visit) in enumerate(zip(rows, answers, came["visit"], strict=True))
        ]  # fmt: skip

    usual = told(date(2026, 2, 1), "none", drawn=True)
    found = measure(product, bundle, usual, [row for row, _ in usual], len(usual))
    assert found is not None
    assert found.name == "policy_value"
    assert found.outcomes == 3000
    assert not found.worse
    assert found.window > 0.02
    tired = told(date(2026, 2, 1), "mail_fatigue", drawn=True)
    worn = measure(product, bundle, tired, [row for row, _ in tired], len(tired))
    assert worn is not None
    assert worn.window < 0.01
    assert worn.loss > 0.02
    followed = told(date(2026, 2, 1), "none", drawn=False)
    assert measure(product, bundle, followed, [row for row, _ in followed], len(followed)) is None
