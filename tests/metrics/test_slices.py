from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.metrics import slices


def test_bins_are_half_open_and_missing_has_its_own_group() -> None:
    groups = slices.groups_of([29, 30, 39.5, 40, None, float("nan"), "x"], (30, 40))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in groups.items()} == {
        "< 30": [0],
        "30-40": [1, 2],
        ">= 40": [3],
        "missing": [4, 5, 6],
    }


def test_values_are_named_the_same_however_they_are_stored() -> None:
    assert list(slices.groups_of(np.array([2.0, 10.0, 1.0]))) == ["1", "2", "10"]
    assert list(slices.groups_of([True, False])) == ["false", "true"]
    assert list(slices.groups_of(["b", None, "a"])) == ["a", "b", "missing"]
    assert list(slices.groups_of(["missing", None])) == ["missing", "(missing)"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 60), st.text(max_size=3)), min_size=1, max_size=200))
@example(["\x00", "other", "missing", None, *range(30)])
def test_groups_part_the_rows(values: list[object]) -> None:
    masks = np.array(list(slices.groups_of(values).values()))
    assert (masks.sum(axis=0) == 1).all()
    assert len(masks) <= slices.MAX_GROUPS + 2


def test_rates_and_their_intervals(rng: np.random.Generator) -> None:
    y = np.array([1, 1, 1, 0] * 100)
    acted = np.array([True, True, False, False] * 100)
    found, drawn = slices.rates(y, acted, 300)
    assert found["selection_rate"].value == 0.5
    assert found["recall"].value == pytest.approx(2 / 3)
    assert found["precision"].value == 1.0
    assert found["recall"].low < 2 / 3 < found["recall"].high
    assert drawn["recall"].std() == pytest.approx(np.sqrt(2 / 9 / 300), rel=0.2)


def test_the_gap_names_the_two_groups_and_has_an_interval(rng: np.random.Generator) -> None:
    values, drawn = {}, {}
    for name, share in (("a", 0.2), ("b", 0.5), ("c", 0.3)):
        acted = rng.random(2000) < share
        found, replicates = slices.rates(np.ones(2000, int), acted, 300, seed=ord(name))
        values[name], drawn[name] = found["recall"].value, replicates["recall"]
    gap = slices.gap(values, drawn)
    assert (gap.highest, gap.lowest) == ("b", "a")
    assert gap.estimate.value == pytest.approx(0.3, abs=0.04)
    assert gap.estimate.low < 0.3 < gap.estimate.high
    assert gap.estimate.high - gap.estimate.low == pytest.approx(2 * 1.96 * np.sqrt(0.41 / 2000), rel=0.3)


def test_one_group_has_no_gap() -> None:
    assert np.isnan(slices.gap({"a": 0.5, "b": float("nan")}, {}).estimate.value)
