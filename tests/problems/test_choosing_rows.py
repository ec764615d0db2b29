"""The order in which rows are shown to a person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DataError
from pipelines.problems.common.choosing_rows import margin_order, margins, review_order


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40), st.integers(2, 6), st.integers(0, 50), st.booleans(), st.floats(0.01, 5.0), st.integers(0, 99)
)
def test_any_rows_come_once_and_the_same_again(
    rows: int, classes: int, count: int, placed: bool, spread: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, spread), rows)
    where = rng.normal(size=(rows, 3)) if placed else None
    order = review_order(p, where, count, seed)
    assert len(order) == min(rows, count) == len(set(order.tolist()))
    assert order.dtype == np.int64
    assert np.array_equal(order, review_order(p, where, count, seed))
    assert len(margin_order(p, count)) == min(rows, count)


def test_unsure_rows_come_before_sure_ones_and_unlike_ones_before_copies() -> None:
    rng = np.random.default_rng(0)
    sure, unsure = np.tile([0.98, 0.01, 0.01], (90, 1)), np.tile([0.5, 0.45, 0.05], (30, 1))
    centres = np.eye(10)[:3]
    where = np.concatenate([rng.normal(size=(90, 10)), np.repeat(centres, 10, axis=0)])
    order = review_order(np.concatenate([sure, unsure]), where, 3, 0)
    assert (order >= 90).all()
    assert len({(row - 90) // 10 for row in order.tolist()}) == 3


def test_sure_rows_and_copies_are_ordered_by_margin_in_the_end() -> None:
    p = np.array([[1.0, 0.0], [0.6, 0.4], [0.6, 0.4], [1.0, 0.0]])
    order = review_order(p, None, 9, 0).tolist()
    assert order[0] == 1
    assert sorted(order) == [0, 1, 2, 3]
    assert margins(p) == pytest.approx([1.0, 0.2, 0.2, 1.0])


@pytest.mark.parametrize(
    ("p", "where", "words"),
    [
        (np.ones((3, 1)), None, "two classes at least"),
        (np.full((3, 2), 0.7), None, "sum to 1"),
        (np.array([[np.nan, 1.0]]), None, "finite"),
        (np.full((3, 2), 0.5), np.ones((2, 4)), "one finite vector per row"),
        (np.full((1, 2), 0.5), np.array([[np.inf]]), "one finite vector per row"),
    ],
)
def test_what_is_no_probability_or_embedding_is_refused(p: np.ndarray, where: np.ndarray | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        review_order(p, where, 1, 0)
