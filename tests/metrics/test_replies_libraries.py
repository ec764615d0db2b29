"""Every measure of replies beside the library, or the definition, that it stands for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sklearn.metrics import accuracy_score

from pipelines.metrics.intervals import estimates, replicates
from pipelines.metrics.replies import NAMES, ReplyJudge, distinct, entities, signature

WORDS = st.sampled_from(["the", "Table", "at", "Lucca", "7:30", "4", "is", "booked", ",", "don't", "."])
PAIRS = st.lists(
    st.tuples(st.lists(WORDS, max_size=10).map(" ".join), st.lists(WORDS, min_size=1, max_size=10).map(" ".join)),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_rouge_is_the_mean_of_the_scores_of_rouge_score(pairs: list[tuple[str, str]]) -> None:
    said, wanted = [one for one, _ in pairs], [other for _, other in pairs]
    names = ["rouge_1", "rouge_2", "rouge_l"]
    judge = ReplyJudge(range(len(pairs)), said, wanted, names=names)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    scores = [scorer.score(other, one) for one, other in pairs]
    found = judge.measure(np.ones((1, judge.n)))
    for ours, theirs in zip(names, ("rouge1", "rouge2", "rougeL"), strict=True):
        assert found[ours][0] == pytest.approx(np.mean([score[theirs].fmeasure for score in scores]))


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.data())
def test_bleu_of_a_resample_is_sacrebleu_of_the_drawn_replies(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    judge = ReplyJudge(range(len(pairs)), [one for one, _ in pairs], [other for _, other in pairs], names=["bleu"])
    drawn = data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1, max_size=12))
    weights = np.bincount(drawn, minlength=len(pairs)).astype(np.float64)
    metric = BLEU()
    theirs = metric.corpus_score([pairs[n][0] for n in drawn], [[pairs[n][1] for n in drawn]])
    assert judge.measure(weights[None])["bleu"][0] == pytest.approx(theirs.score, abs=1e-6)
    assert str(metric.get_signature()) == signature()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=6), st.integers(1, 3))
def test_distinct_n_is_types_over_tokens_of_ngrams(said: list[str], n: int) -> None:
    grams = [tuple(w[i : i + n]) for text in said for w in [text.lower().split()] for i in range(len(w) - n + 1)]
    assert distinct(said, n) == pytest.approx(len(set(grams)) / max(1, len(grams)))


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_entity_f1_is_micro_averaged_over_all_replies(pairs: list[tuple[str, str]]) -> None:
    hits = sum(sum((entities(one) & entities(other)).values()) for one, other in pairs)
    said, wanted = (sum(sum(entities(pair[side]).values()) for pair in pairs) for side in (0, 1))
    judge = ReplyJudge(range(len(pairs)), [one for one, _ in pairs], [b for _, b in pairs], names=["entity_f1"])
    found = judge.measure(np.ones((1, judge.n)))["entity_f1"][0]
    if not said and not wanted:
        assert np.isnan(found)
        return
    precision, recall = hits / max(1, said), hits / max(1, wanted)
    assert found == pytest.approx(2 * precision * recall / (precision + recall) if hits else 0.0)


def test_action_accuracy_is_that_of_scikit_learn_and_skips_rows_without_an_action() -> None:
    truth, acted = ["a", "b", "b", "c", "a"], ["a", "b", "c", "c", "b"]
    right = np.array([one == other for one, other in zip(truth, acted, strict=True)], dtype=np.float64)
    texts = ["x"] * 5
    ones = np.ones((1, 5))
    all_rows = ReplyJudge(range(5), texts, texts, right, names=["action_accuracy"]).measure(ones)
    assert all_rows["action_accuracy"][0] == pytest.approx(accuracy_score(truth, acted))
    some = np.where([True, True, False, True, True], right, np.nan)
    kept = ReplyJudge(range(5), texts, texts, some, names=["action_accuracy"]).measure(ones)
    assert kept["action_accuracy"][0] == pytest.approx(3 / 4)


def test_intervals_draw_whole_dialogues() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    right = np.repeat(rng.integers(0, 2, 60).astype(np.float64), 20)  # all replies of a dialogue alike
    texts = ["x"] * len(right)
    dialogues = np.repeat(np.arange(60), 20)
    whole = ReplyJudge(dialogues, texts, texts, right, names=["action_accuracy"])
    alone = ReplyJudge(range(len(right)), texts, texts, right, names=["action_accuracy"])
    spread = float(replicates(whole, 400)["action_accuracy"].std())
    share = float(right.mean())
    assert spread == pytest.approx(np.sqrt(share * (1 - share) / 60), rel=0.15)
    narrow, wide = (estimates(judge, 400)["action_accuracy"] for judge in (alone, whole))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_every_measure_is_defined_for_equal_replies() -> None:
    said = ["Your table at Lucca is booked for 7:30"] * 3
    judge = ReplyJudge([1, 1, 2], said, said, np.ones(3), np.ones(3))
    found = {name: float(values[0]) for name, values in judge.measure(np.ones((1, 2))).items()}
    assert found == pytest.approx({name: 100.0 if name == "bleu" else 1.0 for name in NAMES})
    assert Counter(entities(said[0])) == Counter({"lucca": 1, "7:30": 1})
