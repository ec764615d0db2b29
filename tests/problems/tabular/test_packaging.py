from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bundles import TASKS, bundle_of, offline, pack_lane, params_of

from pipelines.bundle import read_manifest, verify_bundle
from pipelines.errors import DataError
from pipelines.files import read_json, read_parquet, sha256_tree, write_json, write_parquet
from pipelines.layout import Layout
from pipelines.problems.common.packing import golden_rows
from pipelines.problems.tabular.package import run as packaging
from pipelines.step import Step
from pipelines.verdicts import Verdict


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("lanes"))
    for product in TASKS:
        assert pack_lane(layout, params_of(), product).passed
    return layout


def again(layout: Layout, product: str, folder: Path, **requirements: Any) -> Verdict:
    """The package stage once more on the same lane, its out elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    return packaging.run(Step("package", product, params_of(**requirements), layout, folder), None)


@pytest.mark.parametrize("product", TASKS)
def test_a_bundle_is_whole_and_holds_what_the_contract_lists(lanes: Layout, product: str) -> None:
    bundle = bundle_of(lanes, product)
    manifest = verify_bundle(bundle)
    assert (manifest.product, manifest.problem) == (product, "tabular")
    assert set(manifest.files) == {
        "schema.json", "features.json", "choice.json", "export.json", "golden.json", "card.md", "reference.parquet",
        "trees_0.onnx" if product == "diabetes" else "trees_0.txt",
    }  # fmt: skip
    card = (bundle / "card.md").read_text(encoding="utf-8")
    assert card.startswith("---\n")
    assert "trees_0." in card


@pytest.mark.parametrize("product", TASKS)
def test_the_same_lane_gives_the_same_bytes_wherever_it_lies(lanes: Layout, tmp_path: Path, product: str) -> None:
    again(lanes, product, tmp_path / "other" / "place")
    assert sha256_tree(tmp_path / "other" / "place" / "bundle") == sha256_tree(bundle_of(lanes, product))


@pytest.mark.parametrize("product", TASKS)
def test_golden_rows_are_real_test_rows_with_their_offline_answers(lanes: Layout, product: str) -> None:
    golden = read_json(bundle_of(lanes, product) / "golden.json")
    assert 40 <= len(golden["rows"]) == len(golden["answers"]) <= 50
    assert any(value is None for row in golden["rows"] for value in row.values()), "nulls must be proved too"
    scores = offline(bundle_of(lanes, product), golden["rows"])
    for score, answer in zip(scores.tolist(), golden["answers"], strict=True):
        given = list(answer["score"].values()) if isinstance(answer["score"], dict) else answer["score"]
        assert given == pytest.approx(score, rel=1e-9)
    if product == "breast":
        assert {answer["decision"] for answer in golden["answers"]} == {0, 1}


def test_the_reference_is_every_test_row_with_its_score_and_without_the_id(lanes: Layout) -> None:
    reference = read_parquet(bundle_of(lanes, "breast") / "reference.parquet")
    rows = read_parquet(lanes.stage("prepare", "breast") / "rows.parquet")
    assert len(reference) == (rows["_split"] == "test").sum()
    assert "id" not in reference
    assert not [name for name in reference.columns if name.startswith("_")]
    assert {"score", "outcome", "size", "visits"} <= set(reference.columns)
    assert reference["score"].between(0, 1).all()


def test_a_bundle_beyond_its_budget_blocks_with_its_size(lanes: Layout, tmp_path: Path) -> None:
    verdict = again(lanes, "breast", tmp_path, bundle_size_mb=0.01)
    assert verdict.status == "blocked"
    assert "the budget 0.01" in verdict.reason
    assert [check.name for check in verdict.checks if not check.ok] == ["bundle_size"]


def test_files_that_answer_otherwise_than_judged_block(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    pack_lane(layout, params_of(), "breast")
    path = layout.stage("evaluate", "breast") / "result" / "predictions.parquet"
    judged = read_parquet(path)
    judged["score"] += 0.001
    write_parquet(path, judged)
    verdict = again(layout, "breast", tmp_path / "out")
    assert [check.name for check in verdict.checks if not check.ok] == ["golden"]
    assert "within 0.001 of what was judged" in verdict.reason


def test_a_lane_whose_test_rows_all_leave_the_schema_cannot_be_proved(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    pack_lane(layout, params_of(), "breast")
    path = layout.stage("prepare", "breast") / "schema.json"
    schema = read_json(path)
    for field in schema["fields"]:
        if field["name"] == "visits":
            field.update(minimum=100, maximum=200)
    write_json(path, schema)
    with pytest.raises(DataError, match="no test row fits the schema"):
        again(layout, "breast", tmp_path / "out")


FIELDS = [
    {"name": "n", "type": "integer", "nullable": True, "minimum": 0, "maximum": 100},
    {"name": "x", "type": "number", "nullable": False},
    {"name": "c", "type": "string", "nullable": True, "allowed": ["a", "b"]},
]


def test_golden_rows_are_spread_typed_as_json_and_fit_the_schema() -> None:
    frame = pd.DataFrame({"n": [1.0, None, 500.0, 3.0], "x": [1, 2, 3, 4], "c": ["a", None, "a", "z"]})
    rows, positions = golden_rows(frame, {"fields": FIELDS})
    assert rows == [{"n": 1, "x": 1.0, "c": "a"}, {"n": None, "x": 2.0, "c": None}]
    assert positions == [0, 1]
    assert [type(row["n"]) for row in rows] == [int, type(None)]


def test_golden_rows_of_a_long_table_reach_from_its_first_to_its_last_row() -> None:
    frame = pd.DataFrame({"n": range(100), "x": 1.0, "c": "a"})
    rows, positions = golden_rows(frame, {"fields": FIELDS}, count=10)
    assert len(rows) == 10
    assert (positions[0], positions[-1]) == (0, 99)


def test_the_manifest_alone_decides_the_version(lanes: Layout) -> None:
    versions = {read_manifest(bundle_of(lanes, product)).version for product in TASKS}
    assert len(versions) == 3
