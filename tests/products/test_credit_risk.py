"""Derived features of credit risk: functions of one row, and of no protected column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config import load_params
from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.products import derive_for
from pipelines.products.credit_risk import DELAYS, MONTHS, derive

NAMES = ("LIMIT_BAL", *DELAYS, *(f"BILL_AMT{m}" for m in MONTHS), *(f"PAY_AMT{m}" for m in MONTHS))
VALUE = st.one_of(st.just(np.nan), st.just(0.0), st.integers(-3, 9).map(float), st.floats(-1e6, 1e6))


class Watched(dict[str, Any]):
    """Columns that remember which were read."""

    def __init__(self, columns: dict[str, Any]) -> None:
        super().__init__(columns)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)


def one(**values: float) -> dict[str, float]:
    """Derived features of one client: a line of 100, everything else 0 unless given."""
    row = {**dict.fromkeys(NAMES, 0.0), "LIMIT_BAL": 100.0, **values}
    with np.errstate(all="ignore"):
        made = derive({name: np.array([value]) for name, value in row.items()})
    return {name: float(value[0]) for name, value in made.items()}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(VALUE, min_size=len(NAMES), max_size=len(NAMES)), min_size=1, max_size=9))
def test_a_row_alone_equals_the_row_in_a_table_bit_for_bit(rows: list[list[float]]) -> None:
    table = np.array(rows)
    with np.errstate(all="ignore"):
        together = derive({name: table[:, place] for place, name in enumerate(NAMES)})
        for i in range(len(rows)):
            alone = derive({name: table[i : i + 1, place] for place, name in enumerate(NAMES)})
            assert list(alone) == list(together)
            for name, value in alone.items():
                assert value.tobytes() == together[name][i : i + 1].tobytes(), name


def test_it_reads_no_protected_column(project: Layout) -> None:
    columns = Watched({name: np.ones(3) for name in (*NAMES, "AGE", "SEX", "EDUCATION", "MARRIAGE")})
    derive(columns)
    assert columns.read == set(NAMES)
    own = [one for one in load_params(project.params).products.values() if one.columns.features == "credit_risk"]
    assert own
    for product in own:
        assert set(product.requirements.protected).isdisjoint(columns.read)
        assert columns.read <= set(product.feature_columns)


def test_use_of_the_line() -> None:
    made = one(BILL_AMT1=50.0, BILL_AMT2=25.0)
    assert made["utilisation_1"] == 0.5
    assert made["utilisation_mean"] == 0.125
    assert made["room"] == 50.0
    assert made["bill_growth"] == 1.0
    assert made["months_without_bill"] == 4.0


def test_a_payment_settles_the_bill_of_the_month_before() -> None:
    made = one(BILL_AMT2=40.0, PAY_AMT1=10.0)
    assert made["paid_share_1"] == 0.25
    assert made["unpaid_1"] == 0.3
    assert np.isnan(made["paid_share_2"])


def test_delays_count_from_the_latest_month() -> None:
    made = one(PAY_0=2.0, PAY_2=1.0, PAY_4=3.0)
    assert made["late_streak"] == 2.0
    assert made["months_late"] == 3.0
    assert made["months_very_late"] == 2.0
    assert made["months_since_late"] == 0.0
    assert made["delay_max"] == 3.0
    assert one()["months_since_late"] == 7.0


def test_the_module_is_found_by_name_and_others_are_refused() -> None:
    assert derive_for("credit_risk") is derive
    assert derive_for(None) is None
    with pytest.raises(ConfigError, match="'os'"):
        derive_for("os")
