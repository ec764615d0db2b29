"""Measures of replies against the standard implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics.intervals import estimates
from pipelines.metrics.replies import ReplyJudge, corpus_bleu, distinct, entities, signature

SAID = ["Hello, how can I help?", "The code is R123 for Ana Abel.", "no", "It opens at 9 am"]
WANTED = ["Hello, how may I help?", "Your code is R123 for Ana Abel.", "yes of course I do", "It opens at 9 am"]

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "Table", "4", "."]), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_bleu_of_summed_counts_is_that_of_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    said, wanted = [one for one, _ in pairs], [other for _, other in pairs]
    judge = ReplyJudge(range(len(pairs)), said, wanted, names=["bleu"])
    assert judge.measure(np.ones((1, judge.n)))["bleu"][0] == pytest.approx(corpus_bleu(said, wanted), abs=1e-6)


def test_weights_of_dialogues_are_copies_of_their_replies() -> None:
    judge = ReplyJudge(["a", "a", "b", "b"], SAID, WANTED, np.array([1.0, 1.0, 0.0, 1.0]))
    assert judge.n == 2
    drawn = judge.measure(np.array([[2.0, 1.0]]))
    assert drawn["bleu"][0] == pytest.approx(corpus_bleu([*SAID, *SAID[:2]], [*WANTED, *WANTED[:2]]))
    assert drawn["action_accuracy"][0] == pytest.approx(5 / 6)
    found = estimates(judge, resamples=100)
    assert found["bleu"].low <= found["bleu"].value <= found["bleu"].high


def test_entities_are_numbers_and_names_and_signature_names_the_version() -> None:
    assert set(entities("Your table at Lucca is booked for 7:30, Ana")) == {"lucca", "7:30", "ana"}
    assert ReplyJudge([1], ["see Ana at 9"], ["see Bob at 9"], names=["entity_f1"]).measure(np.ones((1, 1)))[
        "entity_f1"
    ][0] == pytest.approx(0.5)
    assert "tok:13a" in signature()
    assert "version:2" in signature()


def test_distinct_counts_different_ngrams() -> None:
    assert distinct(["a b", "a b"], 1) == 0.5
    assert distinct(["a b", "a b"], 2) == 0.5
    assert distinct([], 1) == 0.0
