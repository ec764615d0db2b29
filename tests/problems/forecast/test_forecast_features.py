"""Features of an origin: nothing after it changes them, and they are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.problems.forecast.core.history import History, load_history, object_array
from pipelines.problems.forecast.core.lags import absolute, origin_at, relative, worked
from pipelines.problems.forecast.core.rhythm import RHYTHMS, to_steps, to_text
from pipelines.problems.forecast.core.spec import Spec
from pipelines.problems.forecast.core.window import windows
from pipelines.problems.forecast.prepare import leakage
from pipelines.problems.forecast.prepare.leakage import moved_features

START = 20_000  # days since 1970
LENGTH = 800


def history(seed: int = 0, series: int = 4, length: int = LENGTH) -> History:
    """Weekly demand with promotions, a few unknown days."""
    rng = np.random.default_rng(seed)
    steps = np.arange(START, START + length)
    state = (rng.random((series, length)) < 0.4).astype(np.int8)
    week = 1.0 + 0.5 * np.sin(2 * np.pi * ((steps + 3) % 7) / 7)
    values = rng.poisson(20 * week * (1 + 0.5 * state)).astype(np.float32)
    values[rng.random(values.shape) < 0.05] = np.nan
    state[np.isnan(values)] = -1
    keys = tuple(f"s{place}" for place in range(series))
    return History("day", START, keys, values, state, {"kind": object_array(["a", "b"] * (series // 2))})


SPEC = Spec("series", "date", ("promo",), (), (), ("kind",), "promo", "day", 14, "ratio", (0.1, 0.5, 0.9))


@given(st.integers(0, 2**31 - 1), st.integers(START + 100, START + LENGTH - 15), st.sampled_from(["log", "ratio"]))
@settings(max_examples=25, deadline=None)
def test_no_feature_of_an_origin_changes_when_the_future_does(seed: int, origin: int, scale: str) -> None:
    known = history(seed % 7)
    rng = np.random.default_rng(seed)
    values, state = known.values.copy(), known.state.copy()
    later = origin + 1 - START
    values[:, later:] = rng.gamma(1.0, 1e4, values[:, later:].shape)
    state[:, later:] = rng.integers(0, 2, state[:, later:].shape)
    series, steps = np.repeat(np.arange(4), 14), np.tile(origin + np.arange(1, 15), 4)
    wanted = rng.integers(0, 2, len(series))
    first = origin_at(known, origin, scale)
    second = origin_at(replace(known, values=values, state=state), origin, scale)
    one, other = first.features(series, steps, wanted), second.features(series, steps, wanted)
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    np.testing.assert_array_equal(first.level, second.level)
    np.testing.assert_array_equal(first.spread, second.spread)
    np.testing.assert_array_equal(first.usual(series, steps, wanted), second.usual(series, steps, wanted))
    np.testing.assert_array_equal(windows(first, np.arange(4)), windows(second, np.arange(4)))


def test_the_gate_names_a_feature_that_sees_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    known = history()
    assert moved_features(known, SPEC, START + 700) == []
    monkeypatch.setattr(leakage, "origin_at", lambda past, step, scale: origin_at(past, step + 5, scale))
    assert "mean_14" in moved_features(known, SPEC, START + 700)


def test_lags_are_the_latest_known_step_of_the_same_weekday() -> None:
    known = history(1)
    origin = START + 600
    found = origin_at(known, origin, "ratio")
    series, steps = np.zeros(14, dtype=np.int64), origin + np.arange(1, 15)
    made = found.features(series, steps, np.zeros(14, dtype=np.int64))
    for ahead in range(1, 15):
        back = origin + ahead - 7 * (1 if ahead <= 7 else 2) - START
        expected = known.values[0, back] / found.level[0]
        np.testing.assert_allclose(made["lag_season"][ahead - 1], expected, rtol=1e-6)


def test_means_by_weekday_and_promotion_are_those_of_the_history() -> None:
    known = history(2)
    origin = START + 700
    found = origin_at(known, origin, "ratio")
    step = origin + 3
    made = found.features(np.array([1]), np.array([step]), np.array([1]))
    days = np.arange(START, origin + 1)[-91:]
    part, state = known.values[1, 701 - 91 : 701], known.state[1, 701 - 91 : 701]
    same = ((days + 3) % 7 == (step + 3) % 7) & (state == 1)
    np.testing.assert_allclose(made["slot_state_91"][0], np.nanmean(part[same]) / found.level[1], rtol=1e-5)


@pytest.mark.parametrize("scale", ["log", "ratio"])
def test_relative_and_absolute_are_inverse(scale: str) -> None:
    y, level = np.array([1.0, 5.0, 700.0]), np.array([2.0, 3.0, 4.0])
    back = absolute(relative(worked(y, scale), level, scale), level, scale)
    np.testing.assert_allclose(back, y)


def test_a_series_that_begins_later_has_a_level_from_what_there_is() -> None:
    known = history(3)
    values = known.values.copy()
    values[2, :] = np.nan
    values[3, :690] = np.nan
    found = origin_at(replace(known, values=values), START + 700, "ratio")
    assert np.isnan(found.level[2])
    assert found.level[3] == pytest.approx(np.nanmean(values[3, 690:701]), rel=1e-5)


def test_history_is_read_back_as_it_was_written(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    known = history(4)
    known.save(folder)
    first = (folder / "history.npz").read_bytes()
    read = load_history(folder)
    np.testing.assert_array_equal(read.values, known.values)
    np.testing.assert_array_equal(read.state, known.state)
    assert read.keys == known.keys
    assert read.static["kind"].tolist() == known.static["kind"].tolist()
    known.save(folder)
    assert (folder / "history.npz").read_bytes() == first


def test_a_short_history_gives_the_same_features_as_the_whole_one() -> None:
    """The bundle carries only what features can reach."""
    known = history(5, length=1300)
    origin = known.end - 1
    short = known.cut(known.end - RHYTHMS["day"].reach - 14, known.end)
    series, steps, state = np.arange(4), np.full(4, origin + 2), np.ones(4, dtype=np.int64)
    for step in (origin, origin - 14):
        one = origin_at(known, step, "log").features(series, steps, state)
        other = origin_at(short, step, "log").features(series, steps, state)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize("unit", ["day", "month", "hour"])
def test_steps_and_text_are_inverse_and_slots_follow_the_calendar(unit: str) -> None:
    text = {"day": "2026-07-06", "month": "2026-07", "hour": "2026-07-06T13"}[unit]
    step = int(to_steps(np.array([text], dtype=object), unit)[0])
    assert to_text(step, unit) == text
    slot = int(RHYTHMS[unit].slot(np.array([step]))[0])
    assert slot == {"day": 0, "month": 6, "hour": 13}[unit]
    calendar = {name: float(value[0]) for name, value in RHYTHMS[unit].calendar(np.array([step])).items()}
    assert calendar["cal_month"] == 7
    assert calendar["cal_year"] == 2026
    if unit != "month":
        assert (calendar["cal_weekday"], calendar["cal_week"], calendar["cal_day"]) == (0, 28, 6)


def test_what_is_no_date_is_named_with_its_row() -> None:
    with pytest.raises(ValueError, match="31 June") as found:
        to_steps(np.array(["2026-07-01", "31 June"], dtype=object), "day")
    assert found.value.args[1] == 1


def test_a_window_holds_the_last_weeks_of_a_series_week_by_week() -> None:
    known = history()
    origin = origin_at(known, START + 500, "ratio")
    read = windows(origin, np.array([2]))
    assert read.shape == (1, 13, 35)
    last_week = read[0, -1].reshape(7, 5)
    values = known.values[2, 494:501]
    there = ~np.isnan(values)
    assert np.array_equal(last_week[:, 1] > 0, there)
    assert last_week[there, 0] == pytest.approx(np.arcsinh(values[there] / origin.level[2]), rel=1e-5)
    assert np.array_equal(last_week[:, 2] > 0, known.state[2, 494:501] == 1)
    early = windows(origin_at(known, START + 20, "ratio"), np.array([0]))
    assert (early[0].reshape(91, 5)[:70] == 0).all()
