"""A small lane, from accepted rows to a bundle that answers: the stages' own code on simulated items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demand import HORIZON, NAME, accepted_rows, params, stage, to_bundle, to_prepare

from pipelines.errors import ConfigError, DataError
from pipelines.files import read_json, read_parquet, sha256_tree, write_parquet
from pipelines.layout import Layout
from pipelines.monitoring.judge import judge, limits_of
from pipelines.monitoring.reference import make_reference
from pipelines.problems import answered, answers_apart, judge_rows, load_answering, watched, watched_roles
from pipelines.problems.forecast.answer.model import ForecastModel
from pipelines.serving.validate import RowValidator
from pipelines.verdicts import Verdict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, list[Verdict]]:
    return to_bundle(tmp_path_factory.mktemp("forecast"))


@pytest.fixture(scope="module")
def bundle(lane: tuple[Layout, list[Verdict]]) -> Path:
    return lane[0].stage("package", NAME) / "bundle"


@pytest.fixture(scope="module")
def model(bundle: Path) -> ForecastModel:
    found = load_answering("forecast", bundle, lambda _: None)
    assert isinstance(found, ForecastModel)
    return found


def test_every_gate_passes_and_the_trees_beat_the_naive_forecast(lane: tuple[Layout, list[Verdict]]) -> None:
    layout, verdicts = lane
    assert [verdict.status for verdict in verdicts] == ["passed"] * 3
    tested = read_json(layout.stage("evaluate", NAME) / "result" / "candidates.json")["test"]
    assert tested["trees"]["wape"]["value"] < 0.85 * tested["naive"]["wape"]["value"]
    choice = read_json(layout.stage("evaluate", NAME) / "result" / "choice.json")
    assert "trees" in [member["model"] for member in choice["members"]]
    metrics = read_json(layout.stage("evaluate", NAME) / "metrics.json")
    assert 0.75 < metrics["coverage_90"]["value"] < 0.99


def test_sides_are_the_last_horizons_and_the_origin_is_the_day_before(lane: tuple[Layout, list[Verdict]]) -> None:
    rows = read_parquet(lane[0].stage("prepare", NAME) / "rows.parquet")
    for side in ("valid", "test"):
        part = rows[rows["_split"] == side]
        first = np.datetime64(part["date"].min())
        assert part["origin"].unique().tolist() == [str(first - np.timedelta64(1, "D"))]
        assert np.datetime64(part["date"].max()) - first == np.timedelta64(HORIZON - 1, "D")
    assert rows.loc[rows["_split"] == "test", "date"].max() == "2026-03-31"
    assert rows.loc[rows["_split"] == "train", "date"].max() < rows.loc[rows["_split"] == "valid", "date"].min()


def test_closed_days_and_days_out_of_stock_are_no_demand(lane: tuple[Layout, list[Verdict]]) -> None:
    report = read_json(lane[0].stage("label", NAME) / "report.json")
    rows = read_parquet(lane[0].stage("label", NAME) / "rows.parquet")
    source = accepted_rows()
    assert report["closed"] == int((source["open"] == 0).sum()) > 0
    assert report["censored"] == int((source["stockout"] == 1).sum()) > 0
    assert (rows["open"] == 1).all()
    assert (rows["stockout"] == 0).all()


def test_golden_rows_are_answered_as_judged_in_any_company(bundle: Path, model: ForecastModel) -> None:
    golden = read_json(bundle / "golden.json")
    assert answers_apart("forecast", model.answer(golden["rows"]), golden["answers"]) < 1e-9
    alone = [model.answer([row])[0] for row in golden["rows"][::-1]][::-1]
    assert answers_apart("forecast", alone, golden["answers"]) < 1e-9
    for answer in golden["answers"]:
        levels = list(answer["quantiles"].values())
        assert levels == sorted(levels)
        assert levels[0] >= 0.0
        assert 1 <= answer["ahead"] <= HORIZON


def test_without_an_origin_the_forecast_is_from_the_last_day(bundle: Path, model: ForecastModel) -> None:
    schema = read_json(bundle / "schema.json")
    row = {field["name"]: field["example"] for field in schema["fields"]}
    first, second = model.answer([row])[0], model.answer([{**row, "origin": "2026-03-31"}])[0]
    assert row["date"] == "2026-04-01"
    assert first == second
    assert first["ahead"] == 1
    earlier = model.answer([{**row, "origin": "2026-03-25"}])[0]
    assert earlier["ahead"] == 7
    assert earlier["score"] != first["score"]


def test_a_promotion_raises_the_forecast_and_the_reasons_say_so(bundle: Path, model: ForecastModel) -> None:
    rows = [row for row in read_json(bundle / "golden.json")["rows"] if row["series"] not in ("item_02", "item_05")]
    on = model.answer([{**row, "promotion": 1} for row in rows])
    off = model.answer([{**row, "promotion": 0} for row in rows])
    assert np.mean([a["score"] for a in on]) > 1.05 * np.mean([a["score"] for a in off])
    reasons = model.answer(rows[:3], explain=True)[0]["reasons"]
    assert reasons
    assert {"feature", "value", "contribution"} == set(reasons[0])


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"series": "item_99"}, "series", "none of"),
        ({"date": "2026-05-20"}, "date", "50 days ahead"),
        ({"date": "2026-03-30"}, "date", "-1 days ahead"),
        ({"date": "tomorrow"}, "date", "not an ISO 8601 day"),
        ({"origin": "2026-04-02"}, "origin", "must be from"),
        ({"origin": "2025-01-01"}, "origin", "must be from"),
        ({"origin": "yesterday"}, "origin", "not an ISO 8601 day"),
        ({"promotion": 2}, "promotion", "none of"),
    ],
)
def test_what_cannot_be_forecast_is_refused_by_name(
    bundle: Path, model: ForecastModel, change: dict[str, object], field: str, words: str
) -> None:
    schema = read_json(bundle / "schema.json")
    row = {item["name"]: item["example"] for item in schema["fields"]}
    validator = RowValidator(schema, model.complaints)
    assert validator.check([row]) == ([], {})
    problems, _ = validator.check([row, {**row, **change}])
    assert [(problem.row, problem.field) for problem in problems] == [(1, field)]
    assert words in problems[0].problem


def test_a_store_never_seen_is_refused_also_where_the_schema_lists_none(bundle: Path, model: ForecastModel) -> None:
    schema = read_json(bundle / "schema.json")
    fields = [{key: value for key, value in item.items() if key != "allowed"} for item in schema["fields"]]
    row = {item["name"]: item["example"] for item in schema["fields"]}
    problems, _ = RowValidator({**schema, "fields": fields}, model.complaints).check([{**row, "series": "item_77"}])
    assert "has no history; the model knows 12 series" in problems[0].problem


def test_direct_questions_outside_the_horizon_are_an_error(model: ForecastModel) -> None:
    row = {"series": "item_00", "date": "2026-06-01", "origin": None, "promotion": 0, "holiday": 0, "price": 1.0}
    columns = {name: np.array([value], dtype=object) for name, value in row.items()}
    with pytest.raises(DataError, match="62 steps ahead"):
        model.scores(columns)


def test_the_champion_gate_judges_by_series_and_refuses_a_history_that_ends_too_early(
    lane: tuple[Layout, list[Verdict]], bundle: Path, model: ForecastModel
) -> None:
    layout = lane[0]
    frame = read_parquet(layout.stage("prepare", NAME) / "rows.parquet")
    test = frame[frame["_split"] == "test"].reset_index(drop=True)
    schema, product = read_json(bundle / "schema.json"), params().product(NAME)
    judge = judge_rows(product, schema, test, model)
    found = judge.measure(np.ones((1, judge.n)))["wape"][0]
    wanted = read_json(layout.stage("evaluate", NAME) / "metrics.json")["wape"]["value"]
    assert judge.n == 12
    assert found == pytest.approx(wanted, rel=1e-6)
    later = {**schema, "forecast": {**schema["forecast"], "judged_from": "2026-04-20"}}
    with pytest.raises(Exception, match="history ends before"):
        judge_rows(product, later, test, model)


def test_a_promotion_week_does_not_move_what_is_watched(bundle: Path) -> None:
    product = params().product(NAME)
    reference = read_parquet(bundle / "reference.parquet")
    seen = watched(product, bundle, reference)
    assert watched_roles(product, list(seen.columns)) == {"price": "feature", "score_to_usual": "prediction"}
    promoted = reference["promotion"] == 1
    ratio = seen["score_to_usual"].groupby(promoted).mean()
    sales = reference["score"].groupby(promoted).mean()
    assert abs(np.log(sales[True] / sales[False])) > 0.1
    assert abs(ratio[True] - ratio[False]) < 0.1


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, "steady"), ({"promotion": lambda _: 1}, "steady"), ({"price": lambda price: round(1.2 * price, 3)}, "alarm")],
)
def test_the_calendar_is_no_alarm_and_a_rise_of_prices_is(
    bundle: Path, model: ForecastModel, change: dict[str, Any], status: str
) -> None:
    """The test days asked for again: as they were, all on promotion, and with higher prices."""
    product = params(watch={"drift_limit": 0.3, "drift_share": 0.5}).product(NAME)
    before = read_parquet(bundle / "reference.parquet")
    asked = before[["series", "date", "origin", "promotion", "holiday", "price"]].copy()
    for name, turn in change.items():
        asked[name] = asked[name].map(turn)
    rows = asked.to_dict("records")
    assert model.complaints(rows) == []
    window = asked.assign(**answered("forecast", read_json(bundle / "schema.json"), model.answer(rows)))
    reference = make_reference(watched(product, bundle, before), NAME, "v", product)
    found = judge(reference, watched(product, bundle, window), limits_of(product.watch), threads=1)
    assert found.status == status, found.line()
    assert ("price" in [column.name for column in found.drifted]) == (status == "alarm")


@pytest.mark.slow
def test_the_lane_writes_the_same_bytes_twice(lane: tuple[Layout, list[Verdict]], tmp_path: Path) -> None:
    again, _ = to_bundle(tmp_path)
    for name in ("label", "prepare", "evaluate", "export", "package"):
        assert sha256_tree(again.stage(name, NAME)) == sha256_tree(lane[0].stage(name, NAME)), name


def test_two_rows_of_one_day_and_a_static_column_that_moves_are_found(tmp_path: Path) -> None:
    rows = accepted_rows()
    twice = rows._append(rows.iloc[[50]], ignore_index=True)
    with pytest.raises(DataError, match="rows repeat the series and step"):
        to_prepare(tmp_path / "twice", rows=twice)
    rows.loc[100:130, "category"] = "moved"
    layout = to_prepare(tmp_path / "moved", rows=rows)
    verdict = json.loads((layout.stage("prepare", NAME) / "verdict.json").read_text())
    assert verdict["status"] == "blocked"
    assert "category changes within" in verdict["reason"]


def test_too_many_gaps_block_the_lane(tmp_path: Path) -> None:
    rows = accepted_rows()
    layout, settings = Layout(tmp_path), params(label={"open": "open", "censored": "stockout", "max_gaps": 0.2})
    holes = rows[(rows.index % 3 != 0)]
    write_parquet(layout.stage("validate", NAME) / "rows.parquet", holes)
    verdict = stage(layout, settings, "label")
    assert verdict.status == "blocked"
    assert 0.3 < verdict.checks[0].value < 0.34
    assert "of the steps between a series' first and last row have none" in verdict.reason


def test_too_short_a_history_says_how_much_is_needed(tmp_path: Path) -> None:
    rows = accepted_rows()
    with pytest.raises(DataError, match="needs at least 49"):
        to_prepare(tmp_path, rows=rows[rows["date"] > "2026-02-25"])


def test_a_promotion_that_is_no_flag_and_a_missing_series_key_are_errors(tmp_path: Path) -> None:
    rows = accepted_rows()
    with pytest.raises(DataError, match="neither 0 nor 1"):
        to_prepare(tmp_path / "flag", rows=rows.assign(promotion=rows["promotion"] * 2))
    with pytest.raises(DataError, match="name no series"):
        to_prepare(tmp_path / "key", rows=rows.assign(series=rows["series"].where(rows.index % 100 != 0)))


def test_a_block_without_a_horizon_or_a_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a forecast needs prepare\.forecast"):
        to_prepare(tmp_path, params(prepare={"split": {"by": "time"}}))
    layout, settings = Layout(tmp_path / "label"), params(label={"open": "opened"})
    write_parquet(layout.stage("validate", NAME) / "rows.parquet", accepted_rows())
    with pytest.raises(ConfigError, match="'opened'"):
        stage(layout, settings, "label")


def test_folds_and_searches_are_refused(tmp_path: Path) -> None:
    settings = params({"trees": {"family": "lightgbm", "folds": 5}})
    layout = to_prepare(tmp_path, settings)
    with pytest.raises(ConfigError, match="neither folds nor a search"):
        stage(layout, settings, "train", candidate=settings.candidates_of(NAME)["trees"])
