"""Derived features of the drugstores: holidays nearby, competition, coupons."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.products import derive_for
from pipelines.products.rossmann import derive, easter, holidays_near

NAMES = (
    "cal_year", "cal_month", "cal_week", "cal_yearday", "CompetitionOpenSinceYear", "CompetitionOpenSinceMonth",
    "Promo2SinceYear", "Promo2SinceWeek",
)  # fmt: skip


def one(**values: float) -> dict[str, float]:
    row = {**dict.fromkeys(NAMES, np.nan), "cal_year": 2015.0, "cal_month": 7.0, "cal_week": 30.0, "cal_yearday": 200.0}
    made = derive({name: np.array([value]) for name, value in {**row, **values}.items()})
    return {name: float(value[0]) for name, value in made.items()}


@pytest.mark.parametrize(
    ("year", "day"), [(2013, "2013-03-31"), (2014, "2014-04-20"), (2015, "2015-04-05"), (2038, "2038-04-25")]
)
def test_easter_is_where_the_calendar_has_it(year: int, day: str) -> None:
    assert str(np.datetime64(easter(year), "D")) == day


def test_holidays_are_counted_to_both_sides_also_over_the_new_year() -> None:
    years, days = np.array([2014.0, 2014.0, 2015.0, np.nan]), np.array([359.0, 364.0, 92.0, 5.0])
    since, until = holidays_near(years, days)
    assert since[:3].tolist() == [0.0, 4.0, 15.0]
    assert until[:3].tolist() == [0.0, 2.0, 1.0]  # 25 December; New Year; Good Friday on 3 April 2015
    assert np.isnan(since[3])


def test_competition_and_coupons_count_from_their_start_and_stay_unknown_where_it_is() -> None:
    found = one(
        CompetitionOpenSinceYear=2015.0, CompetitionOpenSinceMonth=1.0, Promo2SinceYear=2014.0, Promo2SinceWeek=30.0
    )
    assert found["competition_months"] == 6.0
    assert found["coupon_weeks"] == 52.0
    assert np.isnan(one()["competition_months"])
    assert one(CompetitionOpenSinceYear=1990.0, CompetitionOpenSinceMonth=1.0)["competition_months"] == 60.0


def test_it_is_found_by_its_name() -> None:
    assert derive_for("rossmann") is derive
