"""Snapshots: the same content leaves the same bytes, an error leaves the old one."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import yaml
from own_data import PRODUCT, fetch_own, params_of, write_project

from pipelines.errors import BusyError, ConfigError, SourceError
from pipelines.files import read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshot, take_snapshots
from pipelines.process import exclusive

COLUMNS = {"id": "ID", "target": "y", "task": "binary", "numeric": ["x"]}
DAY = date(2026, 6, 30)


def with_file(folder: Path, text: str = "ID,x,y\n1,1.5,0\n2,oops,1\n") -> Layout:
    layout = write_project(folder, {"kind": "file", "path": "data/*.csv"}, COLUMNS)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "a.csv").write_text(text, encoding="utf-8")
    return layout


def test_same_content_is_not_written_again(tmp_path: Path) -> None:
    layout = with_file(tmp_path)
    first = take_snapshot(layout, params_of(layout), PRODUCT, DAY)
    stamps = {path: path.stat().st_mtime_ns for path in (first.folder, *first.folder.iterdir())}
    again = take_snapshot(layout, params_of(layout), PRODUCT, date(2026, 7, 1))
    assert (first.changed, again.changed) == (True, False)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    (tmp_path / "data" / "b.csv").write_text("ID,x,y\n3,2,0\n", encoding="utf-8")
    assert take_snapshot(layout, params_of(layout), PRODUCT, DAY).changed


def test_two_checkouts_pin_the_same_bytes(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        layout = with_file(tmp_path / name)
        take_snapshot(layout, params_of(layout), PRODUCT, DAY)
        trees.append(sha256_tree(layout.snapshot(PRODUCT)))
    assert trees[0] == trees[1]


def test_bad_values_survive_to_the_contract(tmp_path: Path) -> None:
    layout = with_file(tmp_path)
    fetch_own(layout)
    assert read_parquet(layout.stage("fetch", PRODUCT) / "rows.parquet")["x"].tolist() == ["1.5", "oops"]


def test_an_error_leaves_the_old_snapshot_and_nothing_else(tmp_path: Path) -> None:
    layout = with_file(tmp_path)
    take_snapshot(layout, params_of(layout), PRODUCT, DAY)
    before = sha256_tree(layout.state)
    (tmp_path / "data" / "a.csv").write_text("", encoding="utf-8")
    with pytest.raises(SourceError, match=r"the file is empty \[.*product=own.*file=a\.csv"):
        take_snapshot(layout, params_of(layout), PRODUCT, DAY)
    assert {key: value for key, value in sha256_tree(layout.state).items() if "locks" not in key} == {
        key: value for key, value in before.items() if "locks" not in key
    }


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    layout = with_file(tmp_path)
    with exclusive(layout.locks / f"snapshot-{PRODUCT}.lock", "test"), pytest.raises(BusyError):
        take_snapshot(layout, params_of(layout), PRODUCT, DAY)


def test_a_simulators_pin_is_its_last_day(project: Layout) -> None:
    take_snapshots(project, ["credit_risk_demo"], as_of="2026-03-01")
    pin = json.loads((project.snapshot("credit_risk_demo") / "pin.json").read_text(encoding="utf-8"))
    assert pin == {"kind": "simulator", "name": "credit", "last_day": "2026-03-01"}


def test_missing_takes_only_what_is_missing_on_the_fixed_day(project: Layout) -> None:
    take_snapshots(project, ["credit_risk_demo"], as_of="2026-03-01")
    done = take_snapshots(project, [], missing=True)
    assert "credit_risk_demo" not in [result.product for result in done]
    assert "credit_risk" in [result.product for result in done]
    (project.snapshot("credit_risk_demo") / "pin.json").unlink()
    (again,) = take_snapshots(project, ["credit_risk_demo"], missing=True)
    assert "last_day 2026-06-30" in again.line()
    assert take_snapshots(project, [], missing=True) == []


def test_data_selects_products(project: Layout) -> None:
    names = [result.product for result in take_snapshots(project, [], as_of="2026-06-30", data="public")]
    content = yaml.safe_load(project.params.read_text(encoding="utf-8"))["products"]
    assert names == [name for name, block in content.items() if block["data"] in {"public", "own"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"products": ["nope"]}, "no product 'nope'"),
        ({"products": [], "as_of": "tomorrow"}, "not a day"),
        ({"products": [], "data": "secret"}, "no data set 'secret'"),
    ],
)
def test_wrong_arguments_name_what_is_allowed(project: Layout, arguments: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        take_snapshots(project, **arguments)
    assert not (project.state / "snapshots").exists()
