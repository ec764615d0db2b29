"""Effect sizes against scipy's, tests against scipy's and by simulation, adjusted p-values against scipy's."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial import distance

from pipelines.metrics import drift
from pipelines.metrics.sketches import sketch_categories, sketch_numeric

SAMPLES = st.one_of(
    arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e6, 1e6)),
    arrays(np.float64, st.integers(1, 300), elements=st.integers(-4, 9).map(float)),
)


@given(reference=SAMPLES, window=SAMPLES)
@settings(max_examples=100, deadline=None)
def test_wasserstein_of_all_values_equals_scipy(reference: np.ndarray, window: np.ndarray) -> None:
    norm = max(float(np.std(reference)), 0.001)
    expected = stats.wasserstein_distance(reference, window) / norm
    found = drift.wasserstein(sketch_numeric(reference, clusters=None), np.sort(window))
    rounding = 8 * np.finfo(np.float64).eps * float(np.max(np.abs([*reference, *window]))) / norm
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-7 + rounding)


@given(reference=SAMPLES, window=SAMPLES, clusters=st.integers(2, 40))
@settings(max_examples=100, deadline=None)
def test_wasserstein_of_a_sketch_is_within_its_stated_bound(
    reference: np.ndarray, window: np.ndarray, clusters: int
) -> None:
    sketch = sketch_numeric(reference, clusters)
    expected = stats.wasserstein_distance(reference, window) / sketch.norm
    assert abs(drift.wasserstein(sketch, np.sort(window)) - expected) <= sketch.bound + 1e-6 + 1e-9 * expected


@pytest.mark.parametrize("draw", ["normal", "lognormal", "spike"])
def test_the_default_sketch_costs_less_than_a_twentieth_of_the_limit(draw: str) -> None:
    generator = np.random.default_rng(1)
    reference = {
        "normal": generator.normal(size=50_000),
        "lognormal": np.exp(2 * generator.normal(size=50_000)),
        "spike": np.where(generator.random(50_000) < 0.4, 0.0, generator.gamma(1.0, 5000.0, 50_000)),
    }[draw]
    assert sketch_numeric(reference).bound < 0.005


@given(pairs=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_jensen_shannon_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    reference, window = np.array(pairs).T
    if reference.sum() and window.sum():
        expected = distance.jensenshannon(reference / reference.sum(), window / window.sum())
        assert drift.jensen_shannon(reference, window) == pytest.approx(expected, abs=1e-7)


def test_pooling_unseen_categories_leaves_the_jensen_shannon_distance() -> None:
    sketch = sketch_categories({"a": 60, "b": 40}, missing=0)
    window = {"a": 30, "c": 5, "d": 9, "e": 1}
    known, found, unseen = drift.align(sketch, window)
    expected = distance.jensenshannon(np.array([60, 40, 0, 0, 0]) / 100, np.array([30, 0, 5, 9, 1]) / 45)
    assert unseen == 15
    assert drift.jensen_shannon(known, found) == pytest.approx(expected)


def test_population_stability_of_a_hand_computed_case() -> None:
    expected = (0.4 - 0.5) * np.log(0.4 / 0.5) + (0.6 - 0.5) * np.log(0.6 / 0.5)
    assert drift.population_stability(np.array([50, 50]), np.array([40, 60])) == pytest.approx(expected)
    assert np.isfinite(drift.population_stability(np.array([50, 0]), np.array([0, 60])))


def test_equal_mass_cells_hold_all_rows_in_about_equal_parts() -> None:
    generator = np.random.default_rng(2)
    known, found = drift.equal_mass_cells(
        sketch_numeric(generator.normal(size=20_000)), np.sort(generator.normal(size=777))
    )
    assert known.sum() == 20_000
    assert found.sum() == 777
    assert len(known) == 10
    assert np.all(np.abs(known - 2000) < 200)


def test_homogeneity_equals_scipy_where_every_cell_is_large() -> None:
    reference, window = np.array([120, 300, 80, 45]), np.array([60, 190, 30, 40])
    expected = stats.chi2_contingency(np.vstack([reference, window]), correction=False).pvalue
    assert drift.homogeneity_p_value(reference, window) == pytest.approx(expected)


def test_homogeneity_has_nothing_to_say_about_one_cell_or_no_rows() -> None:
    assert drift.homogeneity_p_value(np.array([100]), np.array([50])) == 1.0
    assert drift.homogeneity_p_value(np.array([100, 2]), np.array([0, 0])) == 1.0
    assert drift.homogeneity_p_value(np.array([10_000, 0]), np.array([10_000, 1])) == 1.0


@given(pairs=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_rank_sum_equals_scipy_with_ties(pairs: list[tuple[int, int]]) -> None:
    reference, window = np.array(pairs).T
    values = np.arange(len(pairs))
    first, second = np.repeat(values, reference), np.repeat(values, window)
    if len(first) and len(second) and np.unique(np.append(first, second)).size > 1:
        expected = stats.mannwhitneyu(first, second, method="asymptotic", use_continuity=False).pvalue
        assert drift._rank_sum(reference, window) == pytest.approx(expected)


def test_exceedance_is_exact() -> None:
    n, m, beyond = 5, 4, 2
    placements = list(combinations(range(n + m), m))
    top = set(range(n + m - beyond, n + m))
    expected = sum(top <= set(places) for places in placements) / len(placements)
    assert drift._exceedance(n, m, beyond) == pytest.approx(expected)


def test_numeric_p_value_sees_a_shift_and_gross_outliers() -> None:
    generator = np.random.default_rng(3)
    reference = generator.normal(size=2000)
    sketch = sketch_numeric(reference)
    same = np.sort(generator.normal(size=500))
    moved = np.sort(generator.normal(0.5, 1, size=500))
    outliers = np.sort(np.append(generator.normal(size=490), np.full(10, 1000.0)))
    assert drift.numeric_p_value(sketch, same) > 0.01
    assert drift.numeric_p_value(sketch, moved) < 1e-10
    assert stats.ks_2samp(reference, outliers).pvalue > 0.01
    assert drift.numeric_p_value(sketch, outliers) < 1e-5


@pytest.mark.parametrize(("rows", "whole"), [(200, False), (2000, False), (500, True)])
def test_without_change_the_numeric_test_rejects_no_more_often_than_its_level(rows: int, whole: bool) -> None:
    generator = np.random.default_rng(4)

    def draw(size: int) -> np.ndarray:
        values = generator.normal(size=size)
        return np.round(2 * values) if whole else values

    p_values = np.array([drift.numeric_p_value(sketch_numeric(draw(1200)), np.sort(draw(rows))) for _ in range(600)])
    for level in (0.01, 0.05, 0.2):
        assert np.mean(p_values <= level) <= level + 3 * np.sqrt(level * (1 - level) / 600)


def test_without_change_the_categorical_test_rejects_about_as_often_as_its_level() -> None:
    generator = np.random.default_rng(5)
    p_values = []
    for _ in range(1500):
        shares = generator.dirichlet(np.full(12, 0.5))
        p_values.append(
            drift.homogeneity_p_value(generator.multinomial(1200, shares), generator.multinomial(500, shares))
        )
    rejected = np.mean(np.array(p_values) <= 0.05)
    assert 0.02 < rejected <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1500)


def test_rare_new_categories_are_expected_where_the_reference_has_many_singletons() -> None:
    many = sketch_categories({f"city {i}": 1 for i in range(300)} | {"home": 700}, missing=0)
    none = sketch_categories({"a": 500, "b": 500}, missing=0)
    assert drift.unseen_p_value(many, 25, 100) > 0.5
    assert drift.unseen_p_value(none, 25, 100) < 1e-20
    assert drift.unseen_p_value(none, 0, 100) == 1.0


@given(p_values=arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)))
@settings(max_examples=100, deadline=None)
def test_benjamini_hochberg_equals_scipy(p_values: np.ndarray) -> None:
    expected = stats.false_discovery_control(p_values, method="bh")
    assert drift.benjamini_hochberg(p_values) == pytest.approx(expected)
