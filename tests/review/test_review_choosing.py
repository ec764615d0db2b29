"""What the choice of rows is made of: opinions that differ, answers that are unsure, rows as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.records.review import Ask
from pipelines.review.filling import _interleaved
from pipelines.review.models import chances, divergence, proposals
from pipelines.review.production import confidence_of, is_unsure, probabilities_of, undecided_of
from pipelines.review.vectors import nearest, vectors


def both(*positive: float) -> Any:
    return np.array([[1.0 - p, p] for p in positive])


def test_opinions_that_decide_the_same_are_no_disagreement() -> None:
    apart = divergence([both(0.9, 0.9, 0.6), both(0.8, 0.1, 0.4)], numeric=False)
    assert apart[0] == 0.0
    assert apart[1] > apart[2] > 0.0


def test_numbers_are_apart_by_their_deviation_and_several_labels_by_the_worst() -> None:
    values = [np.array([[1.0], [5.0]]), np.array([[3.0], [5.0]])]
    assert divergence(values, numeric=True).tolist() == [1.0, 0.0]
    labels = [np.array([[0.9, 0.2]]), np.array([[0.9, 0.8]])]
    assert divergence(labels, numeric=False, several=True)[0] == pytest.approx(
        divergence([both(0.2), both(0.8)], numeric=False)[0]
    )


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(0, 1)))
def test_of_several_labels_the_least_decided_one_counts(p: Any) -> None:
    found = chances(p, several=True)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert np.abs(found[:, 1] - 0.5) == pytest.approx(np.abs(p - 0.5).min(axis=1))


def test_proposals_are_ordered_and_a_number_has_no_confidence() -> None:
    assert [one["label"] for one in proposals(np.array([0.1, 0.7, 0.2]), ["a", "b", "c"], False)] == ["b", "c", "a"]
    assert proposals(np.array([3.25]), [], True) == [{"label": 3.25}]


@pytest.mark.parametrize(
    ("answer", "unsure", "confidence"),
    [
        ({"score": {"a": 0.55, "b": 0.45}, "decision": "a"}, True, 0.55),
        ({"score": {"a": 0.9, "b": 0.1}, "decision": "a"}, False, 0.9),
        ({"score": {"a": 0.9, "b": 0.1}, "decision": "a", "sure": False}, True, 0.9),
        ({"score": 0.22, "decision": 1, "threshold": 0.2}, True, 0.22),
        ({"score": 0.05, "decision": 0, "threshold": 0.2}, False, 0.95),
        ({"score": 0.9, "decision": 1, "threshold": 0.2}, False, 0.9),
    ],
)
def test_an_answer_tells_how_sure_it_was(answer: dict[str, Any], unsure: bool, confidence: float) -> None:
    p = probabilities_of(answer)
    assert p is not None
    assert is_unsure(answer, p) is unsure
    assert confidence_of(answer) == pytest.approx(confidence)


@pytest.mark.parametrize("answer", [{}, {"score": 12.5}, {"score": {}, "decision": "a"}, {"replies": ["x"]}])
def test_an_answer_without_probabilities_is_not_asked_about(answer: dict[str, Any]) -> None:
    assert probabilities_of(answer) is None
    assert undecided_of(answer) is None


def test_groups_take_turns_and_each_row_comes_once() -> None:
    def ask(key: str, source: Any) -> Ask:
        return Ask("p", source, "row", key, {"key": key})

    first = [ask(key, "suspect") for key in "abc"]
    second = [ask(key, "uncertain") for key in "bxyz"]
    found = _interleaved([first, [], second], 5)
    assert [(one.key, one.source) for one in found] == [
        ("a", "suspect"), ("b", "uncertain"), ("x", "uncertain"), ("c", "suspect"), ("y", "uncertain"),
    ]  # fmt: skip
    assert [one.priority for one in found] == sorted((one.priority for one in found), reverse=True)


def test_like_rows_are_near_in_text_and_in_tables() -> None:
    texts = np.array(["my card is lost", "the card is lost", "how do I top up"], dtype=object)
    made = vectors({"text": texts}, [], "text")
    assert [row for row, _ in nearest(made[0], made[1:], 2)] == [0, 1]
    table = {"sum": np.array([1.0, 1.1, 90.0, np.nan]), "town": np.array(["a", "a", "b", None], dtype=object)}
    made = vectors(table, ["sum"], None)
    assert np.isfinite(made).all()
    assert nearest(made[0], made[1:], 1)[0][0] == 0
    assert nearest(made[0], made[:0], 1) == []
