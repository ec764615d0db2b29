"""Agreement against published and peer figures; Dawid-Skene against a truth that made the answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics.annotators import cohens_kappa, dawid_skene, decided, krippendorff_alpha, vote_shares

N = math.nan
PUBLISHED = np.array(  # Krippendorff (2011), part C: four observers, twelve units
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T


def test_alpha_is_the_published_one() -> None:
    assert krippendorff_alpha(PUBLISHED) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(PUBLISHED, interval=True) == pytest.approx(0.849, abs=5e-4)


def test_alpha_is_undefined_where_nothing_can_disagree() -> None:
    assert math.isnan(krippendorff_alpha(np.array([[1.0, N], [2.0, N]])))
    assert math.isnan(krippendorff_alpha(np.array([[1.0, 1.0], [1.0, 1.0]])))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    one, other = np.array(pairs, dtype=np.int64).T
    if len(set(one) | set(other)) < 2:
        assert math.isnan(cohens_kappa(one, other))
        return
    assert cohens_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


def test_kappa_counts_common_items_only() -> None:
    one, other = np.array([0, 1, -1, 1]), np.array([0, 0, 1, 1])
    assert cohens_kappa(one, other) == pytest.approx(cohens_kappa(one[[0, 1, 3]], other[[0, 1, 3]]))
    assert math.isnan(cohens_kappa(np.array([-1, 0]), np.array([0, -1])))


def test_a_majority_decides_and_a_tie_does_not() -> None:
    table = np.array([[0, 0, 1], [0, 1, -1], [2, -1, -1], [-1, -1, -1]])
    assert decided(vote_shares(table, 3)).tolist() == [0, -1, 2, -1]


def test_dawid_skene_finds_who_is_good_and_beats_the_majority() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 800)
    right = np.array([0.95, 0.9, 0.5, 0.45, 0.4])
    answers = np.stack(
        [np.where(rng.random(800) < share, truth, (truth + rng.integers(1, 3, 800)) % 3) for share in right], axis=1
    )
    answers[:, 2:][rng.random((800, 3)) < 0.1] = -1
    found = dawid_skene(answers, 3)
    assert found.accuracy == pytest.approx(right, abs=0.06)
    majority = (decided(vote_shares(answers, 3)) == truth).mean()
    learned = (found.posterior.argmax(axis=1) == truth).mean()
    assert learned > majority + 0.1
    assert found.posterior.sum(axis=1) == pytest.approx(1.0)


def test_one_answer_each_is_believed() -> None:
    found = dawid_skene(np.array([[0, -1], [-1, 1], [1, -1]]), 2)
    assert found.posterior.argmax(axis=1).tolist() == [0, 1, 1]
