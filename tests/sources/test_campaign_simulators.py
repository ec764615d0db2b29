"""The campaign simulators: rows that never change, a known truth, shifts that move what they say."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from pipelines.sources.simulators import campaign, simulator, uplift

START, DAY = date(2026, 1, 1), date(2026, 2, 1)


@pytest.mark.parametrize("name", ["campaign", "uplift"])
def test_later_days_only_add_rows(name: str) -> None:
    world: Any = simulator(name)
    short = world.history(7, START, date(2026, 1, 5), 500, 10)
    long = world.history(7, START, DAY, 500, 10)
    assert len(short) == 540
    assert len(long) == 810
    assert long.head(540).equals(short)
    assert world.history(7, DAY, START, 500, 10).empty
    assert not world.history(8, START, START, 500, 10).equals(world.history(7, START, START, 500, 10))


@pytest.mark.parametrize("name", ["campaign", "uplift"])
def test_a_production_row_is_the_same_whatever_comes_after_it(name: str) -> None:
    world: Any = simulator(name)
    few, many = world.production_day(7, DAY, 30), world.production_day(7, DAY, 200)
    assert many.head(30).equals(few)
    assert world.outcomes(7, DAY, 200)["id"].tolist() == many["id"].tolist()
    history = world.history(7, START, DAY, 500, 10)
    assert not set(many["id"]) & set(history["id"])
    assert not {world.TARGET, "duration"} & set(many.columns)
    if name == "uplift":
        assert world.outcomes(7, DAY, 200)["arm"].tolist() == many["arm"].tolist()
    with pytest.raises(ValueError, match="no shift"):
        world.production_day(7, DAY, 5, "earthquake")


@pytest.mark.parametrize("name", ["campaign", "uplift"])
def test_every_shift_changes_something(name: str) -> None:
    world: Any = simulator(name)
    assert world.SHIFTS[0] == "none"
    rows, found = world.production_day(7, DAY, 400), world.outcomes(7, DAY, 400)
    for shift in world.SHIFTS[1:]:
        same = world.production_day(7, DAY, 400, shift).equals(rows)
        assert not (same and world.outcomes(7, DAY, 400, shift).equals(found))


def test_subscriptions_happen_with_the_stated_probability() -> None:
    world = campaign.population(3, 40_000)
    chance = campaign.true_probability(world)
    assert world["subscribed"].mean() == pytest.approx(chance.mean(), abs=4 * np.sqrt(0.09 / 40_000))
    from pipelines.sources.simulators.credit_truth import bayes_auc

    assert bayes_auc(chance) == pytest.approx(campaign.BAYES_AUC, abs=0.01)


def test_duration_is_no_cause() -> None:
    world = campaign.population(3, 2000)
    before = campaign.true_probability(world)
    world["duration"] = world["duration"] * 0
    assert np.array_equal(campaign.true_probability(world), before)


def test_arms_are_drawn_by_chance_and_effects_are_as_stated() -> None:
    world = uplift.population(3, 60_000)
    shares = {arm: float((world["arm"] == arm).mean()) for arm in ("none", *uplift.ARMS)}
    assert all(share == pytest.approx(1 / 3, abs=0.01) for share in shares.values())
    control = world["arm"] == "none"
    for arm in uplift.ARMS:
        effect = world["visit"][world["arm"] == arm].mean() - world["visit"][control].mean()
        assert effect == pytest.approx(uplift.true_uplift(world, arm).mean(), abs=0.012)
    assert uplift.base_rate(world).min() + uplift.true_uplift(world, "womens_mail").min() > 0
    with pytest.raises(ValueError, match="no arm"):
        uplift.true_uplift(world, "fax")


def test_tired_customers_are_moved_by_no_mail() -> None:
    found = uplift.outcomes(7, DAY, 100, "mail_fatigue")
    assert (found["uplift_mens_mail"] == 0).all()
    assert uplift.outcomes(7, DAY, 100)["uplift_mens_mail"].max() > 0.05
