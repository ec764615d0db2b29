from __future__ import annotations

from typing import Any

import lanes
import pytest
import yaml

from pipelines.config import Params
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.problems.model_card import render_card


@pytest.fixture(scope="module", params=sorted(lanes.TASKS))
def facts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    product: str = request.param
    layout = Layout(tmp_path_factory.mktemp(product))
    metric = lanes.METRIC[lanes.TASKS[product]]
    asked = {"ceilings": {metric: 1e6}} if metric == "rmse" else {"floors": {metric: 0.1}}
    params: Params = lanes.params_for(product, {**asked, "costs": {"false_positive": 1, "false_negative": 2}})
    lanes.train(layout, params, product)
    lanes.evaluate(layout, params, product)
    found: dict[str, Any] = read_json(layout.stage("evaluate", product) / "result" / "card.json")
    return found


def test_the_front_matter_is_that_of_a_hugging_face_card(facts: dict[str, Any]) -> None:
    _, front, body = render_card(facts).split("---\n", 2)
    found = yaml.safe_load(front)
    assert found["library_name"] == "lightgbm"
    assert found["pipeline_tag"] in {"tabular-classification", "tabular-regression"}
    (entry,) = found["model-index"]
    (result,) = entry["results"]
    values = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert values[facts["key_metric"]] == facts["metrics"][facts["key_metric"]]["value"]
    assert body.lstrip().startswith(f"# {facts['title']}")


def test_every_requirement_is_answered(facts: dict[str, Any]) -> None:
    text = render_card(facts)
    section = text.split("## What was asked")[1].split("## How good")[0]
    for entry in facts["requirements"]:
        assert f"| {entry['name']} |" in section
    assert "| yes |" in section
    blocked = {**facts, "verdict": {"status": "blocked", "reason": "a | b"}}
    blocked["requirements"] = [{**facts["requirements"][0], "met": False}]
    assert "**no**" in render_card(blocked)
    assert "is **blocked**: a \\| b" in render_card(blocked)


def test_limits_groups_and_features_are_told(facts: dict[str, Any]) -> None:
    text = render_card(facts)
    assert all(limit in text for limit in facts["limits"])
    assert "| sex | 1 |" in text
    assert "exact SHAP values" in text
    assert "| größe |" in text


def test_files_are_listed_where_a_manifest_is_given(facts: dict[str, Any]) -> None:
    assert "## Files" not in render_card(facts)
    text = render_card(facts, {"files": {"choice.json": {"bytes": 12, "sha256": "ab" * 32}}})
    assert "| choice.json | 12 | abababababababab |" in text
