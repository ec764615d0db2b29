"""Fetch: the pinned rows, their provenance, and one clear line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from own_data import PRODUCT, fetch_own, params_of, write_project

from pipelines.errors import EXIT_DATA, DataError, SourceError, StageError
from pipelines.files import read_json, read_parquet, sha256_file, sha256_tree
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshots
from pipelines.runtime import run_stage

COLUMNS = {"id": "ID", "target": "y", "task": "binary", "numeric": ["x"]}


def with_file(folder: Path, text: str) -> Layout:
    layout = write_project(folder, {"kind": "file", "path": "a.csv"}, COLUMNS)
    (folder / "a.csv").write_text(text, encoding="utf-8")
    return layout


def test_provenance_says_what_and_where_from(tmp_path: Path) -> None:
    layout = with_file(tmp_path, "ID,x,y,when\n1,2,0,2026-01-01\n2,3,1,2026-01-02\n")
    assert fetch_own(layout).passed
    folder = layout.stage("fetch", PRODUCT)
    told = read_json(folder / "provenance.json")
    assert (told["rows"], told["not_declared"]) == (2, ["when"])
    assert told["columns"][0] == {"name": "ID", "type": "int64"}
    assert told["sha256"] == sha256_file(folder / "rows.parquet")
    assert told["origin"] == {"kind": "file", "path": "a.csv"}
    assert str(tmp_path) not in json.dumps(told)


def test_two_runs_give_the_same_bytes(project: Layout) -> None:
    take_snapshots(project, ["credit_risk_demo"], as_of="2026-02-01")
    trees = []
    for _ in range(2):
        run_stage(project, "fetch", "credit_risk_demo")
        trees.append(sha256_tree(project.stage("fetch", "credit_risk_demo")))
    assert trees[0] == trees[1]
    assert len(read_parquet(project.stage("fetch", "credit_risk_demo") / "rows.parquet")) == 6000 + 31 * 10


def test_a_missing_column_names_it_and_the_nearest(tmp_path: Path) -> None:
    layout = with_file(tmp_path, "id,x,y\n1,2,0\n")
    with pytest.raises(DataError, match=r"column 'ID' is missing; the nearest name.* 'id'") as caught:
        fetch_own(layout)
    assert caught.value.exit_code == EXIT_DATA
    assert caught.value.where["product"] == PRODUCT
    assert not layout.stage("fetch", PRODUCT).exists()


def test_several_missing_columns_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"and 2 more: x, y\); the source has: q"):
        fetch_own(with_file(tmp_path, "q\n1\n"))


def test_a_header_without_rows_is_an_error_and_keeps_the_last_outs(tmp_path: Path) -> None:
    layout = with_file(tmp_path, "ID,x,y\n1,2,0\n")
    fetch_own(layout)
    before = sha256_tree(layout.stage("fetch", PRODUCT))
    (tmp_path / "a.csv").write_text("ID,x,y\n", encoding="utf-8")
    with pytest.raises(SourceError, match="the source has no rows"):
        fetch_own(layout)
    assert sha256_tree(layout.stage("fetch", PRODUCT)) == before


def test_without_a_snapshot_it_says_how_to_take_one(tmp_path: Path) -> None:
    layout = with_file(tmp_path, "ID,x,y\n1,2,0\n")
    with pytest.raises(StageError, match="nightshift snapshot own"):
        run_stage(layout, "fetch", PRODUCT)


def test_a_damaged_pin_says_so(tmp_path: Path) -> None:
    layout = with_file(tmp_path, "ID,x,y\n1,2,0\n")
    fetch_own(layout)
    (layout.snapshot(PRODUCT) / "pin.json").write_text("{", encoding="utf-8")
    with pytest.raises(StageError, match="cannot be read"):
        run_stage(layout, "fetch", PRODUCT)


def test_a_bundled_set_is_fetched(tmp_path: Path) -> None:
    columns = {"id": "id", "target": "diagnosis", "task": "binary", "numeric": ["mean_radius", "worst_area"]}
    layout = write_project(tmp_path, {"kind": "bundled", "name": "breast_cancer"}, columns)
    assert fetch_own(layout).checks[0].value == 569
    assert params_of(layout).product(PRODUCT).data == "own"
