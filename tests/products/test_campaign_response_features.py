"""Derived features of a call: no sentinel is taken for a number of days."""

from __future__ import annotations

import numpy as np

from pipelines.products import derive_for
from pipelines.products.campaign_response import derive


def test_a_customer_never_called_has_no_days_since_the_call() -> None:
    columns = {
        "age": np.array([30.0, 60.0]),
        "campaign": np.array([1.0, 4.0]),
        "pdays": np.array([999.0, 6.0]),
        "previous": np.array([0.0, 2.0]),
    }
    found = derive(columns)
    assert found["called_before"].tolist() == [0.0, 1.0]
    assert np.isnan(found["days_since_call"][0])
    assert found["days_since_call"][1] == 6.0
    assert found["earlier_per_try"].tolist() == [0.0, 0.5]
    assert found["age_from_middle"].tolist() == [12.0, 18.0]
    assert derive_for("campaign_response") is derive


def test_holes_stay_holes() -> None:
    columns = {name: np.array([np.nan]) for name in ("age", "campaign", "pdays", "previous")}
    found = derive(columns)
    assert np.isnan(found["days_since_call"][0])
    assert np.isnan(found["log_tries"][0])
