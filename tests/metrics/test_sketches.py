"""Sketches: bounded size, exact at their edges, and the same after a trip through JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.metrics.sketches import CLUSTERS, read_sketch, sketch_categories, sketch_numeric


@given(values=arrays(np.float64, st.integers(0, 2000), elements=st.floats(-1e9, 1e9)), clusters=st.integers(2, 64))
@settings(max_examples=100, deadline=None)
def test_a_numeric_sketch_is_small_and_exact_at_its_edges(values: np.ndarray, clusters: int) -> None:
    sketch = sketch_numeric(values, clusters)
    assert sketch.means.size <= max(clusters, 1)
    assert sketch.counts.sum() == values.size == sketch.present
    assert np.all(np.diff(sketch.edges) > 0)
    if values.size:
        below = np.searchsorted(np.sort(values), sketch.edges, side="right")
        assert np.array_equal(np.cumsum(sketch.counts), below)
        assert sketch.low == values.min()
        assert sketch.edges[-1] == values.max()


def test_what_is_not_finite_counts_as_missing() -> None:
    sketch = sketch_numeric(np.array([1.0, np.nan, np.inf, -np.inf, 3.0]))
    assert (sketch.rows, sketch.missing, sketch.present, sketch.distinct) == (5, 3, 2, 2)
    empty = sketch_numeric(np.array([np.nan, np.nan]))
    assert (empty.present, empty.distinct, empty.means.size) == (0, 0, 0)


def test_numeric_sketch_survives_json() -> None:
    values = np.random.default_rng(0).lognormal(3, 2, 20_000)
    sketch = sketch_numeric(values)
    back = read_sketch(json.loads(json.dumps(sketch.to_json())))
    assert sketch.means.size <= CLUSTERS
    assert back.to_json() == sketch.to_json()


def test_category_sketch_keeps_the_most_frequent_and_counts_the_rest() -> None:
    counts = {"a": 50, "b": 30, "c": 1, "d": 1, "e": 18}
    sketch = sketch_categories(counts, missing=7, categories=3)
    assert dict(sketch.counts) == {"a": 50, "b": 30, "e": 18}
    assert (sketch.tail, sketch.seen_once, sketch.distinct) == (2, 2, 5)
    assert (sketch.rows, sketch.present) == (107, 100)
    assert read_sketch(json.loads(json.dumps(sketch.to_json()))) == sketch


def test_an_unknown_kind_of_sketch_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        read_sketch({"kind": "text"})
