"""Production days: the same day gives the same rows, another day others, and a shift does what its name says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from windows import DAY, PRODUCT, day

from pipelines.config import Params, Product
from pipelines.errors import BundleError, ConfigError
from pipelines.files import write_json, write_parquet
from pipelines.monitoring.judge import judge
from pipelines.monitoring.production import production_day, shifts
from pipelines.monitoring.reference import make_reference
from pipelines.monitoring.verdict import Limits


@pytest.fixture
def block(params: Params) -> Product:
    """A product on a public file: its days are drawn from the bundle's test rows."""
    return params.products["credit_risk"]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with reference rows, as package writes them."""
    rows = day(rows=2000).drop(columns="ID").assign(**{"default.payment.next.month": 0, "decision": 0})
    write_parquet(tmp_path / "reference.parquet", rows)
    return tmp_path


def test_a_day_of_the_simulator_is_its_own(params: Params, tmp_path: Path) -> None:
    block = params.products[PRODUCT]
    first = production_day(PRODUCT, block, tmp_path, DAY, 300)
    assert first.equals(production_day(PRODUCT, block, tmp_path, DAY, 300))
    assert not first.equals(production_day(PRODUCT, block, tmp_path, date(2026, 6, 3), 300))
    assert block.columns.target not in first


def test_a_drawn_day_repeats_itself_and_differs_from_other_days_and_products(block: Product, bundle: Path) -> None:
    first = production_day("credit_risk", block, bundle, DAY, 400)
    assert first.equals(production_day("credit_risk", block, bundle, DAY, 400))
    assert not first.equals(production_day("credit_risk", block, bundle, date(2026, 6, 3), 400))
    assert not first.equals(production_day("churn", block, bundle, DAY, 400))
    assert len(first) == 400
    assert list(first.columns) == [*block.columns.numeric, *block.columns.categorical]


def test_a_drawn_day_is_steady_and_every_shift_is_found(block: Product, bundle: Path) -> None:
    reference = make_reference(pd.read_parquet(bundle / "reference.parquet"), "credit_risk", "v", block)
    columns = tuple(column for column in reference.columns if column.role != "prediction")
    inputs = type(reference)(reference.product, reference.version, reference.rows, columns)
    found = {
        shift: judge(inputs, production_day("credit_risk", block, bundle, DAY, 1000, shift), Limits())
        for shift in shifts(block)
    }
    assert found["none"].status == "steady"
    assert {"LIMIT_BAL", "BILL_AMT1"} & {column.name for column in found["numbers_rise"].drifted}
    assert [column.name for column in found["values_missing"].drifted] == [block.columns.numeric[0]]
    assert {column.name for column in found["one_category"].drifted} <= set(block.columns.categorical)
    assert found["one_category"].drifted


def test_whole_numbers_stay_whole_under_a_shift(block: Product, bundle: Path) -> None:
    risen = production_day("credit_risk", block, bundle, DAY, 100, "numbers_rise")
    assert risen["LIMIT_BAL"].dtype == np.int64


def test_an_unknown_shift_names_those_there_are(params: Params, block: Product, bundle: Path) -> None:
    with pytest.raises(ConfigError, match="income_drop"):
        production_day(PRODUCT, params.products[PRODUCT], bundle, DAY, 100, "meteor")
    with pytest.raises(ConfigError, match="numbers_rise"):
        production_day("credit_risk", block, bundle, DAY, 100, "income_drop")


def test_a_bundle_without_reference_rows_is_named(block: Product, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"reference\.parquet"):
        production_day("credit_risk", block, tmp_path, DAY, 100)


def test_a_drawn_day_holds_every_field_that_the_service_reads(params: Params, tmp_path: Path) -> None:
    rows = pd.DataFrame({"history": ["hello", "where"], "knowledge": ["{}", "{}"], "reply": ["hi", "here"]})
    write_parquet(tmp_path / "reference.parquet", rows)
    write_json(tmp_path / "schema.json", {"fields": [{"name": "history"}, {"name": "knowledge"}]})
    day_rows = production_day("customer_reply", params.products["customer_reply"], tmp_path, DAY, 60)
    assert list(day_rows.columns) == ["history", "knowledge"]
    assert len(day_rows) == 60
