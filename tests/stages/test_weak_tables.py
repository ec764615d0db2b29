"""Partly labelled tables: rules label train rows, people judge; what may be asked for in params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from labelled import PLAIN, PRODUCT, params_of, plain_rows, run_both

from pipelines.config import Params
from pipelines.errors import ConfigError
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout

RULES: list[dict[str, Any]] = [
    {"kind": "rule", "name": "high", "column": "a", "least": 0.8, "label": 1},
    {"kind": "rule", "name": "low", "column": "a", "most": -0.8, "label": 0},
    {"kind": "answers", "name": "old_model", "column": "old", "names": {"yes": 1, "no": 0}, "confidence": "old_sure",
     "least": 0.7},
]  # fmt: skip


def table(count: int = 900) -> pd.DataFrame:
    """Two of three rows lack their label; another model answered for all of them."""
    rows, rng = plain_rows(count), np.random.default_rng(3)
    wrong = rng.random(count) < 0.2
    rows["old"] = np.where((rows["y"] == 1) != wrong, "yes", "no")
    rows["old_sure"] = rng.random(count)
    rows["y"] = rows["y"].astype(object).where(rng.random(count) < 1 / 3, None)
    return rows


def params(**label: Any) -> Params:
    columns = {**PLAIN, "numeric": ["a", "b"], "categorical": ["c"]}
    return params_of(columns, label={"noise_folds": 2, "weak": {"functions": RULES, **label}})


def test_rules_and_another_model_label_train_rows_only(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert run_both(layout, params(), table()).passed
    prepared = read_parquet(layout.stage("prepare", PRODUCT) / "rows.parquet")
    weak = prepared["_label_source"] == "weak"
    assert weak.sum() > 100
    assert set(prepared.loc[weak, "_split"]) == {"train"}
    assert np.allclose(prepared["_weight"], prepared["_label_confidence"])
    truth = plain_rows(900).set_index("id")["y"]
    assert (prepared["y"].astype(int) == prepared["id"].map(truth))[weak].mean() > 0.75
    report = read_json(layout.stage("label", PRODUCT) / "report.json")["labelled_by_others"]
    old = next(one for one in report["weak"]["functions"] if one["name"] == "old_model")
    assert old["people"]["low"] < 0.8 < old["people"]["high"]
    assert old["coverage"] == pytest.approx(0.3, abs=0.05)


def test_a_column_that_a_rule_reads_is_no_leak_by_the_rule_s_own_labels(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    rows = table(1500)
    rows.loc[rows["y"].isna() & (rows["a"].abs() < 0.8), "old"] = None
    run_both(layout, params(min_confidence=0.5), rows)
    alone = read_json(layout.stage("prepare", PRODUCT) / "report.json")["single_feature_auc"]
    few = Layout(tmp_path / "people")
    run_both(few, params_of(PLAIN, label={"noise_folds": 2}), rows)
    people = read_json(few.stage("prepare", PRODUCT) / "report.json")["single_feature_auc"]
    assert alone["a"] == pytest.approx(people["a"])


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"weak": {"functions": []}}, {}, r"label\.weak\.functions"),
    ({"weak": {"functions": [RULES[0], RULES[0]]}}, {}, "two functions are named 'high'"),
    ({"weak": {"functions": [{**RULES[0], "values": [1]}]}}, {}, "needs least or most, or values"),
    ({"weak": {"functions": [{"kind": "regex", "name": "r", "pattern": "(", "label": 1}]}}, {}, "not a regular exp"),
    ({"weak": {"functions": [{"kind": "code", "name": "f"}]}}, {}, "need module"),
    ({"self_training": {}}, {}, r"self_training: is for text products"),
    ({"weak": {"functions": RULES}}, {"task": "regression"}, "is for one class per row, not regression"),
]


@pytest.mark.parametrize(("label", "columns", "words"), BAD)
def test_what_cannot_be_is_refused_with_the_key(label: dict[str, Any], columns: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        params_of({**PLAIN, **columns}, label=label)


def test_sides_that_move_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs sides that do not move"):
        params_of(PLAIN, label={"weak": {"functions": RULES}}, prepare={"split": {"by": "position"}})
