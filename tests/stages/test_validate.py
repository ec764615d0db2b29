"""The validate stage: verdicts with numbers, quarantine as outs, bad input in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_data import PRODUCT, expect, validate_own, write_project

from pipelines.errors import EXIT_USAGE, ConfigError, DataError, SourceError
from pipelines.files import read_json, read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.night.snapshot import take_snapshots
from pipelines.runtime import run_stage

COLUMNS = {"id": "ID", "target": "y", "task": "binary", "numeric": ["x"], "categorical": ["c"]}
RULES = [
    expect("column_values_to_not_be_null", column="x"),
    expect("column_values_to_be_between", column="x", min_value=0, max_value=100),
    expect("column_values_to_be_in_set", column="y", value_set=[0, 1]),
    expect("column_values_to_be_unique", column="ID"),
    expect("column_mean_to_be_between", column="y", min_value=0.2, max_value=0.8),
]


def rows(count: int = 40) -> pd.DataFrame:
    index = np.arange(count)
    return pd.DataFrame({"ID": index + 1, "x": index % 100, "c": np.where(index % 3, "a", "b"), "y": index % 2})


def project(folder: Path, frame: pd.DataFrame, expectations: list | str | None = None, **limits: float) -> Layout:
    rules = RULES if expectations is None else expectations
    layout = write_project(folder, {"kind": "file", "path": "a.csv"}, COLUMNS, rules, limits=limits)
    frame.to_csv(folder / "a.csv", index=False)
    return layout


def outs(layout: Layout) -> Path:
    return layout.stage("validate", PRODUCT)


def test_sound_rows_pass_unchanged(tmp_path: Path) -> None:
    layout = project(tmp_path, rows())
    assert validate_own(layout).passed
    assert read_parquet(outs(layout) / "rows.parquet").equals(rows())
    empty = read_parquet(outs(layout) / "quarantine.parquet")
    assert (len(empty), list(empty.columns)) == (0, [*rows().columns, "_row", "_reasons"])


def test_bad_rows_go_to_quarantine_and_the_lane_goes_on(tmp_path: Path) -> None:
    frame = rows().astype({"x": object})
    frame.loc[3, "x"], frame.loc[4, "x"], frame.loc[5, "ID"] = "many", np.inf, 1
    layout = project(tmp_path, frame, quarantine_limit=0.1)
    verdict = validate_own(layout)
    assert verdict.passed
    assert read_parquet(outs(layout) / "quarantine.parquet")["_row"].tolist() == [3, 4, 5]
    accepted = read_parquet(outs(layout) / "rows.parquet")
    assert accepted["x"].dtype == np.int64
    assert len(accepted) == 37


def test_too_many_in_quarantine_block_with_the_numbers_and_the_outs(tmp_path: Path) -> None:
    frame = rows()
    frame.loc[:9, "x"] = -5
    layout = project(tmp_path, frame, quarantine_limit=0.1)
    verdict = validate_own(layout)
    assert verdict.status == "blocked"
    assert "10 of 40 rows (25.00%) are in quarantine, limit 10.00%; most often x: between 0 and 100" in verdict.reason
    assert "expectations/own.json" in verdict.next_step
    assert len(read_parquet(outs(layout) / "quarantine.parquet")) == 10
    assert run_stage(layout, "label", PRODUCT).status == "stood_aside"


def test_ten_rows_are_too_few(tmp_path: Path) -> None:
    verdict = validate_own(project(tmp_path, rows(10), min_rows=500))
    assert verdict.status == "blocked"
    assert "10 rows accepted, at least 500 needed" in verdict.reason


def test_a_table_out_of_bounds_blocks(tmp_path: Path) -> None:
    verdict = validate_own(project(tmp_path, rows().assign(y=0)))
    assert verdict.reason.endswith("does not hold: y has a mean between 0.2 and 0.8: observed 0")
    assert "4 of 5" not in verdict.reason
    assert {check.name for check in verdict.checks if not check.ok} == {
        "table_expectations",
        "column_mean_to_be_between.y",
    }


def test_an_all_missing_column_blocks_and_says_which(tmp_path: Path) -> None:
    verdict = validate_own(project(tmp_path, rows().assign(x=np.nan)))
    assert verdict.status == "blocked"
    assert "40 of 40 rows (100.00%)" in verdict.reason
    assert "x: not missing" in verdict.reason


def test_a_date_column_and_an_extra_column_come_through(tmp_path: Path) -> None:
    frame = rows().assign(when="2026-06-30", extra="é")
    layout = project(tmp_path, frame)
    assert validate_own(layout).passed
    assert read_parquet(outs(layout) / "rows.parquet")["when"].iloc[0] == "2026-06-30"


def test_dates_where_numbers_should_be_are_refused(tmp_path: Path) -> None:
    verdict = validate_own(project(tmp_path, rows().assign(x="2026-06-30")))
    assert "x: not a finite number (40 rows)" in verdict.reason


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda frame: frame.drop(columns="x"), DataError, "column 'x' is missing"),
        (lambda frame: frame.head(0), SourceError, "no rows"),
    ],
)
def test_unusable_input_is_one_clear_line(tmp_path: Path, change, error: type, said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        validate_own(project(tmp_path, change(rows())))
    assert "\n" not in caught.value.line()
    assert not outs(tmp_layout := Layout(tmp_path)).exists()
    assert not list(tmp_layout.state.glob("lanes/**/.*tmp*"))


@pytest.mark.parametrize(
    ("expectations", "said"),
    [
        ('{"name": ', "not JSON"),
        ([expect("column_values_to_be_odd", column="x")], "no expectation 'expect_column_values_to_be_odd'"),
        ([expect("column_values_to_not_be_null", column="z")], "'z', which the rows do not have"),
        ([expect("column_values_to_be_between", column="x", least=1)], "least: extra fields not permitted"),
    ],
)
def test_a_wrong_suite_names_product_file_and_place(tmp_path: Path, expectations: list | str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        validate_own(project(tmp_path, rows(), expectations))
    assert caught.value.where["file"] == "expectations/own.json"
    assert caught.value.where["product"] == PRODUCT
    assert caught.value.exit_code == EXIT_USAGE


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    layout = project(tmp_path, rows())
    layout.suite(PRODUCT).unlink()
    with pytest.raises(ConfigError, match="no such suite"):
        validate_own(layout)


def test_the_demo_lane_quarantines_the_made_faults_and_no_more(project: Layout) -> None:
    take_snapshots(project, ["credit_risk_demo"], as_of="2026-06-30")
    run_stage(project, "fetch", "credit_risk_demo")
    trees = []
    for _ in range(2):
        assert run_stage(project, "validate", "credit_risk_demo").passed
        trees.append(sha256_tree(project.stage("validate", "credit_risk_demo")))
    assert trees[0] == trees[1]
    told = read_json(project.stage("validate", "credit_risk_demo") / "validation.json")
    assert 20 <= told["rows"]["quarantined"] <= 60
    assert {"AGE: between 18 and 100", "ID: unique", "EDUCATION: not missing"} <= {
        item["reason"] for item in told["reasons"]
    }
    assert all(entry["success"] for entry in told["expectations"] if entry["level"] == "table")


def test_the_real_file_holds_its_contract(project: Layout, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MIRROR", str(mirror))
    take_snapshots(project, ["credit_risk"], as_of="2026-06-30")
    run_stage(project, "fetch", "credit_risk")
    assert run_stage(project, "validate", "credit_risk").passed
    told = read_json(project.stage("validate", "credit_risk") / "validation.json")
    assert told["rows"] == {"accepted": 30_000, "fetched": 30_000, "quarantined": 0}


@pytest.mark.parametrize(("label", "passes"), [({}, False), ({"unlabelled": "allowed"}, True)])
def test_a_missing_label_passes_the_suite_where_it_is_allowed(label: dict, passes: bool, tmp_path: Path) -> None:
    columns = {"id": "ID", "target": "y", "task": "binary", "numeric": ["x"]}
    rules = [
        expect("column_values_to_not_be_null", column="y"),
        expect("column_values_to_be_in_set", column="y", value_set=[0, 1]),
    ]
    layout = write_project(tmp_path, {"kind": "file", "path": "a.csv"}, columns, rules, label=label)
    index = np.arange(60)
    frame = pd.DataFrame({"ID": index, "x": index, "y": np.where(index % 3, None, index % 2)})
    frame.loc[4, "y"] = 7
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert validate_own(layout).passed == passes
    quarantine = read_parquet(outs(layout) / "quarantine.parquet")
    assert (4 in quarantine["_row"].tolist(), len(quarantine) == 1) == (True, passes)
