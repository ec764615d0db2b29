"""Volume against the product's own history, and the gap between groups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Params
from pipelines.monitoring.fairness import group_gaps
from pipelines.monitoring.volume import Span, judge_volume

START = datetime(2026, 11, 1, tzinfo=UTC)


def span(hour: int, rows: int, hours: float = 1.0) -> Span:
    until = START + timedelta(hours=hour)
    return Span((until - timedelta(hours=hours)).isoformat(), until.isoformat(), rows)


def test_a_few_windows_are_no_history() -> None:
    found = judge_volume([span(hour, 500) for hour in range(7)], span(8, 1), 3.0)
    assert found.usual is None
    assert not found.unusual


@pytest.mark.parametrize(("rows", "unusual"), [(500, False), (900, False), (1600, True), (150, True), (0, True)])
def test_a_change_counts_when_it_is_large_and_beyond_the_usual_spread(rows: int, unusual: bool) -> None:
    noise = np.random.default_rng(0).integers(450, 550, 100)
    found = judge_volume([span(hour, int(noise[hour])) for hour in range(100)], span(101, rows), 3.0)
    assert found.unusual is unusual
    assert found.usual == pytest.approx(500, rel=0.1)


def test_nights_are_compared_with_nights() -> None:
    past = [span(hour, 900 if 8 <= hour % 24 <= 20 else 20) for hour in range(24 * 6)]
    assert not judge_volume(past, span(24 * 6 + 3, 22), 3.0).unusual
    assert judge_volume(past, span(24 * 6 + 12, 22), 3.0).unusual


def test_false_alarms_of_steady_traffic_are_rare() -> None:
    generator = np.random.default_rng(1)
    past = [span(hour, int(rows)) for hour, rows in enumerate(generator.poisson(8, 300))]
    alarms = [judge_volume(past, span(301, int(rows)), 3.0).unusual for rows in generator.poisson(8, 2000)]
    assert np.mean(alarms) < 0.005


def test_groups_are_judged_against_the_product_limit(params: Params) -> None:
    block = params.products["credit_risk_demo"]
    generator = np.random.default_rng(2)
    frame = pd.DataFrame({"SEX": generator.integers(1, 3, 4000), "AGE": generator.integers(21, 70, 4000)})
    same = generator.random(4000) < 0.3
    assert not any(gap.beyond for gap in group_gaps(block, frame, same))
    apart = generator.random(4000) < np.where(frame["SEX"] == 1, 0.55, 0.2)
    beyond = [gap for gap in group_gaps(block, frame, apart) if gap.beyond]
    assert [(gap.column, gap.highest, gap.lowest) for gap in beyond] == [("SEX", "1", "2")]
    assert beyond[0].gap == pytest.approx(0.35, abs=0.05)
    assert group_gaps(block, frame.drop(columns=["SEX", "AGE"]), apart) == []
