"""Label models on simulated answers whose accuracies are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.problems.common.weak_model import Votes, aggregate, majority, one_coin
from pipelines.problems.common.weak_rows import share_of

ACCURACY = np.array([0.9, 0.8, 0.7, 0.6, 0.95, 0.5, 0.75])
COVERAGE = np.array([0.6, 0.5, 0.7, 0.9, 0.2, 0.5, 0.4])
NOBODY = np.full(3000, -1)


def simulated(rows: int = 3000, classes: int = 4, seed: int = 0) -> tuple[Votes, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    votes = np.full((rows, len(ACCURACY)), -1)
    for place, (accuracy, coverage) in enumerate(zip(ACCURACY, COVERAGE, strict=True)):
        other = (y + rng.integers(1, classes, rows)) % classes
        said = np.where(rng.random(rows) < accuracy, y, other)
        asked = rng.random(rows) < coverage
        votes[asked, place] = said[asked]
    return votes, y


def right(probabilities: np.ndarray, y: np.ndarray, votes: Votes) -> float:
    voted = (votes >= 0).any(axis=1)
    return float((probabilities.argmax(axis=1) == y)[voted].mean())


def test_accuracies_are_recovered_without_a_label_and_beat_the_majority() -> None:
    votes, y = simulated()
    found = aggregate("one_coin", votes, 4, NOBODY)
    assert np.allclose(found.accuracy, ACCURACY, atol=0.04)
    assert right(found.probabilities, y, votes) > right(majority(votes, 4), y, votes) + 0.02
    best = right(_bayes(votes), y, votes)
    assert best - 0.01 < right(found.probabilities, y, votes) <= best + 0.01


def _bayes(votes: Votes) -> np.ndarray:
    """The posterior under the true accuracies."""
    score = np.zeros((len(votes), 4))
    for place, accuracy in enumerate(ACCURACY):
        rows = np.flatnonzero(votes[:, place] >= 0)
        score[rows, votes[rows, place]] += np.log(accuracy) - np.log((1 - accuracy) / 3)
    return score


def test_probabilities_are_calibrated() -> None:
    votes, y = simulated()
    found = aggregate("one_coin", votes, 4, NOBODY).probabilities
    top = found.max(axis=1)
    for low, high in ((0.4, 0.7), (0.7, 0.9), (0.9, 1.01)):
        rows = (top >= low) & (top < high)
        assert abs(top[rows].mean() - (found.argmax(axis=1) == y)[rows].mean()) < 0.05


def test_functions_of_one_class_are_weighed_by_people_s_labels() -> None:
    rng = np.random.default_rng(1)
    y = rng.choice(4, 2000, p=[0.7, 0.1, 0.1, 0.1])
    votes = np.full((2000, 3), -1)
    votes[(y == 1) & (rng.random(2000) < 0.8) | (rng.random(2000) < 0.005), 0] = 1  # rare class, nearly always right
    votes[rng.random(2000) < 0.5, 1] = 2  # says 2 of anything
    votes[(y == 0) & (rng.random(2000) < 0.6), 2] = 0
    known = np.where(rng.random(2000) < 0.1, y, -1)
    found = aggregate("one_coin", votes, 4, known)
    said = votes >= 0
    true = [(y == votes[:, place])[said[:, place]].mean() for place in range(3)]
    assert np.allclose(found.accuracy, true, atol=0.12)
    assert np.array_equal(found.probabilities.argmax(axis=1)[known >= 0], known[known >= 0])


def test_rows_without_an_answer_hold_an_even_or_known_prior() -> None:
    votes = np.array([[0, 0], [1, 1], [-1, -1]])
    for model in ("one_coin", "majority"):
        found = aggregate(model, votes, 2, np.full(3, -1))
        assert found.probabilities[2] == pytest.approx([0.5, 0.5])
        assert found.probabilities[:2].argmax(axis=1).tolist() == [0, 1]


def test_a_function_that_never_answers_has_no_accuracy() -> None:
    votes, _ = simulated(300)
    votes[:, 2] = -1
    assert np.flatnonzero(np.isnan(aggregate("one_coin", votes, 4, np.full(300, -1)).accuracy)).tolist() == [2]


def test_wilson_s_interval_holds_the_share_and_stays_within_0_and_1() -> None:
    assert share_of(0, 0)["accuracy"] is None
    whole = share_of(20, 20)
    assert (whole["accuracy"], whole["high"]) == (1.0, 1.0)
    assert whole["low"] == pytest.approx(0.8389, abs=1e-3)


@pytest.mark.slow
def test_without_labels_and_prior_it_is_crowd_kit_s_one_coin_model() -> None:
    from crowdkit.aggregation import OneCoinDawidSkene

    from pipelines.problems.common.weak_model import _table

    votes, _ = simulated()
    peer = OneCoinDawidSkene(n_iter=200, tol=1e-9).fit(_table(votes))
    own = one_coin(votes, 4, NOBODY, None, 0.0, 0.0)
    # crowd-kit stops as soon as its bound falls, here a little early
    assert np.allclose(own.accuracy, peer.skills_.sort_index(), atol=1e-3)
    rows = np.flatnonzero((votes >= 0).any(axis=1))
    assert np.allclose(own.probabilities[rows], peer.probas_.sort_index(), atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dawid_skene", "mace"])
def test_crowd_kit_s_models_recover_the_accuracies_too(model: str) -> None:
    votes, y = simulated()
    known = np.where(np.arange(3000) < 150, y, -1)
    found = aggregate(model, votes, 4, known)
    assert np.allclose(found.accuracy, ACCURACY, atol=0.05)
    assert right(found.probabilities, y, votes) > right(majority(votes, 4), y, votes) + 0.02
