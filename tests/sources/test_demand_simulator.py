"""The demand simulator: growing, repeatable, with a truth that its sales follow."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import ConfigError
from pipelines.sources.simulators import NAMES, demand, simulator

START = date(2026, 1, 1)


def past(last: date, **more: object) -> pd.DataFrame:
    return demand.history(3, START, last, demand.SERIES * 100, demand.SERIES, **more)  # type: ignore[arg-type]


def test_it_is_found_by_name_and_offers_its_shifts() -> None:
    assert "demand" in NAMES
    assert simulator("demand").SHIFTS[0] == "none"


def test_a_later_day_only_adds_rows() -> None:
    early, late = past(date(2026, 1, 20)), past(date(2026, 1, 31))
    pd.testing.assert_frame_equal(late.iloc[: len(early)].reset_index(drop=True), early)
    assert late["date"].max() == "2026-01-31"
    assert past(date(2025, 12, 31)).empty


def test_faults_that_a_contract_must_catch_are_there_and_rare() -> None:
    rows = past(date(2026, 6, 30))
    assert 0 < (rows["sales"] < 0).sum() < 0.003 * len(rows)
    assert 0 < rows["sales"].isna().sum() < 0.003 * len(rows)
    assert 0 < rows.duplicated(["series", "date"]).sum() < 0.003 * len(rows)
    whole = demand.SERIES * (100 + 180)
    assert 0.99 * whole < rows.drop_duplicates(["series", "date"]).shape[0] < whole


def test_sales_follow_the_true_mean_and_slow_items_sell_now_and_then() -> None:
    days = [START + timedelta(days=place) for place in range(300)]
    sold = np.array([demand.outcomes(3, day, demand.SERIES * 28)["sales"].to_numpy().sum() for day in days[:280:28]])
    mean = np.array([demand.outcomes(3, day, demand.SERIES * 28)["mean"].to_numpy().sum() for day in days[:280:28]])
    assert abs(sold.sum() / mean.sum() - 1.0) < 0.03
    rows = past(date(2026, 6, 30))
    zeros = (rows["sales"] == 0).groupby(rows["category"]).mean()
    assert zeros["slow"] > 0.5
    assert zeros["staple"] < 0.15


def test_promotions_and_prices_change_the_truth() -> None:
    days = [START + timedelta(days=place) for place in range(20)]
    day = next(one for one in days if not demand._calendar(3, one, "none")["promotion"].any())
    plain, promoted = demand.true_mean(3, day), demand.true_mean(3, day, "promotion_week")
    fast = np.arange(demand.SERIES) % 3 != 2
    lifted = demand._calendar(3, day, "promotion_week")["promotion"] == 1
    assert (promoted[fast & lifted] > 1.1 * plain[fast & lifted]).all()
    assert (demand.true_mean(3, day, "price_rise") < plain).all()
    np.testing.assert_allclose(demand.true_mean(3, day, "demand_drop"), demand.DEMAND_DROP * plain)


def test_a_day_asks_for_open_days_of_the_next_weeks_only() -> None:
    day = date(2026, 7, 1)
    rows = demand.production_day(3, day, 500)
    assert len(rows) == 500
    assert (rows["open"] == 1).all()
    ahead = (pd.to_datetime(rows["date"]) - pd.Timestamp(day)).dt.days
    assert ahead.min() == 1
    assert ahead.max() == demand.HORIZON
    assert "sales" not in rows
    pd.testing.assert_frame_equal(rows, demand.production_day(3, day, 500))
    assert len(demand.outcomes(3, day, 500)) == 500


def test_a_world_that_moves_is_the_same_before_the_day_it_moves() -> None:
    still = past(date(2026, 2, 28))
    moved = past(date(2026, 2, 28), shift="demand_drop", shift_from=date(2026, 2, 1))
    before = still["date"] < "2026-02-01"
    pd.testing.assert_frame_equal(still[before], moved[moved["date"] < "2026-02-01"])
    assert moved.loc[~before, "sales"].sum() < 0.8 * still.loc[~before, "sales"].sum()


def test_another_number_of_series_and_an_unknown_shift_are_errors() -> None:
    with pytest.raises(ConfigError, match="32 series, rows_per_day is 10"):
        demand.history(3, START, START, 1000, 10)
    with pytest.raises(ValueError, match="no shift 'flood'"):
        demand.production_day(3, START, 10, "flood")
