from __future__ import annotations

from pathlib import Path

import pytest
from bundles import bundle_of, pack_lane, params_of, raw_rows

from pipelines.bundle import read_manifest
from pipelines.config import Params
from pipelines.errors import BundleError
from pipelines.files import read_json, read_parquet, write_json, write_parquet
from pipelines.layout import Layout
from pipelines.problems import judge_rows
from pipelines.release.champion import compare, test_rows
from pipelines.release.registering import keep
from pipelines.serving.loaded import load

frame_of_test_rows = test_rows
del test_rows  # pytest would take it for a test


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def params() -> Params:
    return params_of()


def version_of(layout: Layout, params: Params, product: str, seed: int = 0, iterations: int = 40) -> str:
    assert pack_lane(layout, params, product, seed, iterations).passed
    version = read_manifest(bundle_of(layout, product)).version
    keep(layout, product, version, bundle_of(layout, product))
    return version


def test_the_first_champion_needs_no_comparison(layout: Layout, params: Params) -> None:
    verdict = compare(layout, params, "breast", "anything", None)
    assert verdict.passed
    assert "no champion yet" in verdict.checks[0].detail


@pytest.mark.parametrize("product", ["breast", "wine", "diabetes"])
def test_both_are_asked_about_the_same_rows_of_the_present_lane(layout: Layout, params: Params, product: str) -> None:
    champion = version_of(layout, params, product, 1, 30)
    challenger = version_of(layout, params, product, 0, 60)
    verdict = compare(layout, params, product, challenger, champion)
    numbers = {check.name: check.value for check in verdict.checks}
    assert set(numbers) == {"difference", "challenger", "champion"}
    rows = len(frame_of_test_rows(layout, product))
    assert f"on {rows} test rows" in verdict.checks[0].detail
    assert verdict.status in {"passed", "stood_aside"}


@pytest.mark.parametrize("product", ["breast", "diabetes"])
def test_a_model_against_itself_is_no_difference(layout: Layout, params: Params, product: str) -> None:
    version = version_of(layout, params, product)
    keep(layout, product, version, bundle_of(layout, product))
    same = compare(layout, params, product, version, version)
    assert same.passed
    assert "champion already" in same.checks[0].detail


def test_a_worse_model_stands_aside_whichever_way_the_metric_points(layout: Layout, params: Params) -> None:
    for product in ("breast", "diabetes"):  # roc_auc: more is better; rmse: less is better
        good = version_of(layout, params, product)
        poor = version_of(layout, params, product, 2, 1)
        verdict = compare(layout, params, product, poor, good)
        assert verdict.status == "stood_aside", product
        assert verdict.checks[0].value is not None
        assert verdict.checks[0].value < 0
        assert "the champion stays" in verdict.reason
        assert compare(layout, params, product, good, poor).passed


def test_a_wide_margin_lets_a_little_worse_pass(layout: Layout, params: Params) -> None:
    good = version_of(layout, params, "breast")
    poor = version_of(layout, params, "breast", 2, 1)
    content = params.model_dump(mode="json")
    content["products"]["breast"]["release"]["margin"] = 0.5
    assert compare(layout, Params.model_validate(content), "breast", poor, good).passed


def test_models_of_other_classes_cannot_be_compared(layout: Layout, params: Params) -> None:
    version = version_of(layout, params, "breast")
    frame = frame_of_test_rows(layout, "breast")
    model = load("breast", version, layout.bundle("breast", version)).model
    schema = read_json(layout.stage("prepare", "breast") / "schema.json")
    assert judge_rows(params.product("breast"), schema, frame, model).n == len(frame)
    with pytest.raises(BundleError, match="answers for the classes"):
        judge_rows(params.product("breast"), {**schema, "classes": [1, 2]}, frame, model)


def test_a_champion_that_reads_a_column_that_is_gone_does_not_hold_up_the_challenger(
    layout: Layout, params: Params
) -> None:
    champion = version_of(layout, params, "breast")
    rows = layout.stage("prepare", "breast") / "rows.parquet"
    challenger = version_of(layout, params, "breast", 1, 30)
    frame = read_parquet(rows)
    write_parquet(rows, frame.rename(columns={"visits": "calls"}))
    verdict = compare(layout, params, "breast", challenger, champion)
    assert verdict.passed
    assert "the champion cannot be compared" in verdict.checks[0].detail


def test_the_order_of_classes_is_that_of_the_lane(layout: Layout, params: Params) -> None:
    version = version_of(layout, params, "wine")
    schema = layout.stage("prepare", "wine") / "schema.json"
    write_json(schema, {**read_json(schema), "classes": [2, 1, 0]})
    assert "cannot be compared" in compare(layout, params, "wine", "other", version).checks[0].detail
    assert set(raw_rows("wine")["outcome"]) == {0, 1, 2}
