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
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.store import open_records
from pipelines.release.champion import compare, test_rows
from pipelines.release.registering import keep
from pipelines.serving.loaded import load
from pipelines.verdicts import Check, Verdict

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


def with_release(params: Params, **changes: object) -> Params:
    content = params.model_dump(mode="json")
    for product in content["products"].values():
        product["release"] |= changes
    return Params.model_validate(content)


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
    quality = {"difference", "challenger", "champion", "rule better", "detectable gain"}
    calibrated = {"calibration"} if product != "diabetes" else set()
    assert set(numbers) == quality | calibrated | {"bundle size beside the champion"}
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


def test_inside_the_noise_nothing_changes_unless_freshness_is_asked_for(layout: Layout, params: Params) -> None:
    good = version_of(layout, params, "breast")
    poor = version_of(layout, params, "breast", 2, 1)
    wide = with_release(params, margin=0.5, calibration_margin=1.0)
    verdict = compare(layout, wide, "breast", poor, good)
    assert verdict.status == "stood_aside"
    assert "no gain beyond noise, and release.replace asks for one" in verdict.reason
    assert compare(layout, with_release(wide, replace="not_worse"), "breast", poor, good).passed
    drifted = compare(layout, wide, "breast", poor, good, after_drift=True)
    assert drifted.passed
    assert {"rule not_worse", "after drift"} <= {check.name for check in drifted.checks}
    careful = with_release(wide, after_drift="better")
    assert compare(layout, careful, "breast", poor, good, after_drift=True).status == "stood_aside"


def test_the_costs_beside_the_champions_are_checks(layout: Layout, params: Params) -> None:
    small = version_of(layout, params, "breast", 3, 1)
    large = version_of(layout, params, "breast", 0, 60)
    records = open_records(layout.records_url)
    for version, p99, memory in ((small, 8.0, 300.0), (large, 17.0, 500.0)):
        registry.add_version(records, Version("breast", version, "n", {"split": "a"}))
        checks = (Check(name="latency p99", ok=True, value=p99), Check(name="memory", ok=True, value=memory))
        smoke = Verdict(gate="smoke", product="breast", status="passed", checks=checks)
        registry.add_verdict(records, "breast", version, "smoke", smoke.model_dump(mode="json"))
    verdict = compare(layout, params, "breast", large, small, records=records)
    found = {check.name: check for check in verdict.checks}
    assert verdict.status == "stood_aside"
    assert not found["latency p99 beside the champion"].ok
    assert found["latency p99 beside the champion"].limit == 16.0
    assert found["memory beside the champion"].ok
    assert "latency p99: 17 ms, the champion 8" in verdict.reason
    assert compare(layout, with_release(params, latency_growth=3), "breast", large, small, records=records).passed


def test_a_champion_of_another_split_is_not_compared(layout: Layout, params: Params) -> None:
    records = open_records(layout.records_url)
    champion, challenger = version_of(layout, params, "breast", 3, 1), version_of(layout, params, "breast", 0, 60)
    registry.add_version(records, Version("breast", champion, "n1", {"split": "a"}))
    registry.add_version(records, Version("breast", challenger, "n2", {"split": "b"}))
    verdict = compare(layout, params, "breast", challenger, champion, records=records)
    assert verdict.status == "stood_aside"
    assert "another split" in verdict.reason
    assert "--force" in verdict.next_step


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
