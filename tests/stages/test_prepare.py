"""Prepare: from labelled rows to a split, features and a fixed schema, past the leakage gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from labelled import PLAIN, PRODUCT, params_of, plain_rows, run_both, run_prepare

from pipelines.errors import DataError
from pipelines.features.tabular import FeatureState, transform
from pipelines.features.values import rows_to_columns
from pipelines.files import read_json, read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.problems.tabular.core.prepared import load_prepared
from pipelines.verdicts import Verdict


def outcome(
    folder: Path, rows: pd.DataFrame, prepare: dict[str, Any] | None = None, **columns: Any
) -> tuple[Verdict, pd.DataFrame, dict[str, Any]]:
    layout = Layout(folder)
    verdict = run_prepare(layout, params_of({**PLAIN, **columns}, prepare=prepare or {}), rows)
    out = layout.stage("prepare", PRODUCT)
    return verdict, read_parquet(out / "rows.parquet"), read_json(out / "report.json")


def test_honest_rows_pass_and_are_counted(tmp_path: Path) -> None:
    verdict, kept, report = outcome(tmp_path, plain_rows(400))
    assert verdict.passed, verdict.line()
    assert report["overlap"] == 0.0
    assert sum(side["rows"] for side in report["splits"].values()) == len(kept) == 400
    for name, side in report["splits"].items():
        chosen = kept[kept["_split"] == name]
        assert (side["rows"], side["positives"]) == (len(chosen), chosen["y"].sum())
    assert (kept["_weight"] == 1.0).all()


LEAKS = {
    "the target itself": lambda y, _: y,
    "the target renamed": lambda y, _: np.where(y == 1, 7.0, 3.0),
    "a rising copy": lambda y, rng: np.exp(y + rng.normal(0, 0.05, len(y))),
    "a falling copy": lambda y, rng: -y + rng.normal(0, 0.05, len(y)),
    "both ends": lambda y, rng: np.where(y == 1, rng.choice([-3.0, 3.0], len(y)), 0.0) + rng.normal(0, 0.3, len(y)),
    "only known afterwards": lambda y, rng: np.where(y == 1, rng.normal(size=len(y)), np.nan),
}


@pytest.mark.parametrize("kind", LEAKS)
def test_the_target_in_disguise_blocks_and_is_named(tmp_path: Path, kind: str) -> None:
    rows = plain_rows(400)
    rows["rückzahlung"] = LEAKS[kind](rows["y"].to_numpy(), np.random.default_rng(1))
    verdict, _, _ = outcome(tmp_path, rows, numeric=["a", "b", "rückzahlung"])
    assert verdict.status == "blocked"
    assert "rückzahlung" in verdict.reason
    assert "columns.numeric" in verdict.next_step
    failed = {check.name for check in verdict.checks if not check.ok}
    assert failed <= {"single_feature_auc", "equal_to_target"}


def test_a_renamed_target_as_a_category_blocks(tmp_path: Path) -> None:
    rows = plain_rows(400)
    rows["status"] = np.where(rows["y"] == 1, "closed", "open")
    verdict, _, report = outcome(tmp_path, rows, categorical=["c", "status"])
    assert verdict.status == "blocked"
    assert report["equal_to_target"] == ["status"]


def test_dates_after_the_row_was_known_block(tmp_path: Path) -> None:
    rows = plain_rows(400)
    known = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(400) % 40, unit="D")
    rows["when"] = known.strftime("%Y-%m-%d")
    rows["closed"] = (known + pd.to_timedelta(9, unit="D")).strftime("%Y-%m-%d")
    verdict, _, _ = outcome(tmp_path, rows, time="when", categorical=["c", "closed"])
    assert verdict.status == "blocked"
    assert "closed" in verdict.reason


def test_equal_rows_end_on_one_side_and_test_keeps_them(tmp_path: Path) -> None:
    rows = plain_rows(400)
    twins = rows.assign(id=rows["id"] + 10_000)
    verdict, kept, report = outcome(tmp_path, pd.concat([rows, twins], ignore_index=True))
    assert verdict.passed
    assert report["overlap"] == 0.0
    assert kept.groupby("a")["_split"].nunique().max() == 1
    assert report["duplicates"]["rows_like_an_earlier_one"] == 400
    removed = report["duplicates"]
    assert removed["removed_from_test"] == 0
    assert removed["removed_from_train"] > removed["removed_from_valid"] > 0
    assert len(kept) == 800 - removed["removed_from_train"] - removed["removed_from_valid"]


def uneven() -> pd.DataFrame:
    rows = plain_rows(900)
    rows["y"] = (rows["a"] + np.random.default_rng(2).normal(size=900) > 1.2).astype(int)
    return rows


def test_class_weights_make_classes_count_alike_on_train_only(tmp_path: Path) -> None:
    _, kept, _ = outcome(tmp_path, uneven(), {"balance": "weights"})
    train = kept["_split"] == "train"
    per_class = kept[train].groupby("y")["_weight"].sum()
    assert per_class[0] == pytest.approx(per_class[1])
    assert per_class.sum() == pytest.approx(train.sum())
    assert (kept.loc[~train, "_weight"] == 1.0).all()


def test_undersampling_leaves_out_train_rows_only_and_the_same_ones_again(tmp_path: Path) -> None:
    _, kept, report = outcome(tmp_path / "one", uneven(), {"balance": "undersample"})
    train = kept["_split"] == "train"
    used = kept[train & (kept["_weight"] == 1.0)]["y"].value_counts()
    assert used[0] == used[1] == (kept[train]["y"] == 1).sum()
    assert (kept.loc[~train, "_weight"] == 1.0).all()
    assert report["balance"]["rows_left_out"] == (kept["_weight"] == 0).sum() > 0
    _, again, _ = outcome(tmp_path / "two", uneven().sample(frac=1.0, random_state=1), {"balance": "undersample"})
    assert set(again[again["_weight"] == 0]["id"]) == set(kept[kept["_weight"] == 0]["id"])


def test_the_schema_fixes_names_order_types_and_ranges(tmp_path: Path) -> None:
    rows = plain_rows(400)
    rows["n"] = np.arange(400) % 11
    rows.loc[rows.index % 5 == 0, "b"] = np.nan
    outcome(tmp_path, rows, numeric=["a", "b", "n"])
    schema = read_json(Layout(tmp_path).stage("prepare", PRODUCT) / "schema.json")
    fields = {field["name"]: field for field in schema["fields"]}
    assert list(fields) == ["a", "b", "n", "c"]
    assert [field["type"] for field in fields.values()] == ["number", "number", "integer", "string"]
    assert [field["nullable"] for field in fields.values()] == [False, True, False, False]
    assert (fields["n"]["seen"], fields["n"]["minimum"], fields["n"]["maximum"]) == ([0, 10], 0, 20)
    assert fields["a"]["minimum"] < fields["a"]["seen"][0] <= fields["a"]["example"] <= fields["a"]["seen"][1]
    assert fields["c"]["allowed"] == sorted(["red", "grün", "blå"])
    assert (schema["target"], schema["task"], schema["classes"], schema["id"]) == ("y", "binary", [0, 1], "id")


def test_only_train_rows_teach_the_features(tmp_path: Path) -> None:
    side = outcome(tmp_path / "one", plain_rows(400))[1].set_index("id")["_split"]
    rows = plain_rows(400)
    outside = rows["id"].map(side) != "train"
    rows.loc[outside, "c"] = "only outside"
    outcome(tmp_path / "two", rows)
    folder = Layout(tmp_path / "two").stage("prepare", PRODUCT)
    state = FeatureState.from_json(read_json(folder / "features.json"))
    assert set(state.categorical["c"]) == {"red", "grün", "blå"}
    assert "only outside" not in (folder / "schema.json").read_text(encoding="utf-8")


def hard() -> pd.DataFrame:
    rows = plain_rows(1500)
    rows["a"] = rows["a"].where(rows.index % 9 != 0, np.inf).where(rows.index % 10 != 0, np.nan)
    rows["leer"] = None
    rows["Datum"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rows.index % 40, unit="D")
    rows["seit"] = (pd.Timestamp("2020-01-01") + pd.to_timedelta(rows.index, unit="D")).strftime("%Y-%m-%d")
    rows["städte 🏙"] = [f"stadt {i % 1000}" for i in range(1500)]
    return rows


def test_hard_columns_are_used_or_dropped_with_a_reason(tmp_path: Path) -> None:
    columns = {"numeric": ["a", "b", "leer", "seit"], "categorical": ["c", "Datum", "städte 🏙"]}
    verdict, _, report = outcome(tmp_path, hard(), **columns)
    assert verdict.passed, verdict.line()
    assert report["features"]["dropped"]["leer"] == "holds no number"
    assert "dates" in report["features"]["dropped"]["seit"]
    assert report["features"]["categorical"]["Datum"] == 40
    towns = report["features"]["categorical"].get("städte 🏙", 0)
    assert towns == 200 or "identifiers" in report["features"]["dropped"]["städte 🏙"]
    folder = Layout(tmp_path).stage("prepare", PRODUCT)
    dates = next(field for field in read_json(folder / "schema.json")["fields"] if field["name"] == "Datum")
    assert dates["type"] == "string"
    assert dates["allowed"][0] == "2026-01-01"


def test_a_served_row_equals_the_prepared_row_bit_for_bit(tmp_path: Path) -> None:
    columns = {**PLAIN, "categorical": ["c", "Datum"]}
    params = params_of(columns)
    layout = Layout(tmp_path)
    run_prepare(layout, params, hard())
    folder = layout.stage("prepare", PRODUCT)
    prepared = load_prepared(folder, params.product(PRODUCT).columns, None)
    stored = prepared.frame.head(100)
    for place, row in enumerate(json.loads(stored.to_json(orient="records", date_format="iso", double_precision=15))):
        for name in ("a", "b"):  # pandas' JSON keeps 15 digits; the client sends what it holds
            value = float(stored[name].iloc[place])
            row[name] = value if np.isfinite(value) else None
        row["Datum"] = row["Datum"][:10]
        one = transform(prepared.state, rows_to_columns([row], prepared.state.raw))
        assert one.numeric[0].tobytes() == prepared.design.numeric[place].tobytes()
        assert one.categorical[0].tobytes() == prepared.design.categorical[place].tobytes()
        assert one.categorical[0, 1] > 0


def test_prepared_rows_read_back_as_arrays(tmp_path: Path) -> None:
    params = params_of(PLAIN, prepare={"balance": "weights"})
    run_prepare(Layout(tmp_path), params, uneven())
    prepared = load_prepared(Layout(tmp_path).stage("prepare", PRODUCT), params.product(PRODUCT).columns, None)
    train, valid = prepared.rows("train"), prepared.rows("valid")
    assert sorted([*train, *valid, *prepared.rows("test")]) == list(range(900))
    data = prepared.fit_data(train, valid)
    assert data.weight is not None
    assert len(data.train) == len(data.y_train) == len(data.weight) == len(train)
    assert prepared.fit_data(valid, train).weight is None
    assert prepared.classes == [0, 1]
    np.testing.assert_array_equal(prepared.y, prepared.frame["y"])


def test_a_protected_column_is_kept_for_slices_and_is_no_feature(tmp_path: Path) -> None:
    rows = plain_rows(400)
    rows["sex"] = np.where(np.arange(400) % 2 == 0, "f", "m")
    params = params_of({**PLAIN, "categorical": ["c", "sex"]}, protected=("sex",))
    run_prepare(Layout(tmp_path), params, rows)
    folder = Layout(tmp_path).stage("prepare", PRODUCT)
    assert FeatureState.from_json(read_json(folder / "features.json")).raw == ("a", "b", "c")
    assert set(read_parquet(folder / "rows.parquet")["sex"]) == {"f", "m"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda rows: rows.head(10), "too few rows"),
        (lambda rows: rows.assign(y=1), "one class only"),
        (lambda rows: rows.assign(y=(rows["id"] == 1).astype(int)), "class 1 of y has"),
        (lambda rows: rows.assign(a=np.nan, b=1.0, c=None, note=rows["id"]), "no usable feature"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_one_clear_error(tmp_path: Path, spoil: Any, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        run_prepare(Layout(tmp_path), params_of(PLAIN), spoil(plain_rows(400)))
    assert caught.value.next_step


def test_two_runs_give_equal_bytes_and_none_of_them_is_a_pickle(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        run_both(Layout(tmp_path / name), params_of(PLAIN, label={"noise_folds": 2}), plain_rows(300))
        folder = Layout(tmp_path / name).stage("prepare", PRODUCT)
        trees.append(sha256_tree(folder))
    assert trees[0] == trees[1]
    assert {path.suffix for path in folder.iterdir()} == {".json", ".parquet"}
    for path in folder.iterdir():
        assert path.read_bytes()[:1] == b"{" or path.read_bytes()[:4] == b"PAR1"
