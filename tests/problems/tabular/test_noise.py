"""Confident learning: labels flipped on purpose are found, honest ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from pipelines.blocks.models import Profile
from pipelines.errors import DataError
from pipelines.features.design import Design
from pipelines.problems.common.identity import unit_hash
from pipelines.problems.common.noise import Noise, confident_learning
from pipelines.problems.tabular.label.noise import estimate

PROFILE = Profile(threads=1)


def design_of(x: np.ndarray) -> Design:
    names = tuple(f"x{place}" for place in range(x.shape[1]))
    return Design(x.astype(np.float32), np.zeros((len(x), 0), np.int32), names, (), ())


def folds_of(count: int) -> np.ndarray:
    return np.floor(unit_hash([str(i) for i in range(count)], "folds") * 3).astype(np.int64)


def cancer(flips: int) -> tuple[Noise, np.ndarray, list[tuple[str, int, int]]]:
    bunch = load_breast_cancer()
    wrong = np.zeros(len(bunch.target), dtype=bool)
    wrong[np.random.default_rng(0).choice(len(wrong), flips, replace=False)] = True
    y = np.where(wrong, 1 - bunch.target, bunch.target).astype(np.int64)
    calls: list[tuple[str, int, int]] = []
    found = estimate(design_of(bunch.data), y, folds_of(len(y)), "binary", 2, PROFILE, lambda *call: calls.append(call))
    return found, wrong, calls


@pytest.fixture(scope="module")
def flipped() -> tuple[Noise, np.ndarray, list[tuple[str, int, int]]]:
    return cancer(57)


def test_a_tenth_of_flipped_labels_is_found(flipped: tuple[Noise, np.ndarray, list[tuple[str, int, int]]]) -> None:
    found, wrong, calls = flipped
    top = np.argsort(-found.suspect, kind="stable")[:57]
    assert wrong[top].mean() > 0.6, "precision at 57; chance is 0.1"
    assert wrong[found.flagged].mean() > 0.5
    assert found.flagged[wrong].mean() > 0.7
    assert 0.05 < found.share < 0.2
    assert calls == [("label noise", done, 3) for done in (1, 2, 3)]


def test_the_numbers_of_the_estimate_agree(flipped: tuple[Noise, np.ndarray, list[tuple[str, int, int]]]) -> None:
    found = flipped[0]
    assert found.joint is not None
    assert found.joint.sum() == pytest.approx(1.0)
    assert found.share == pytest.approx(1.0 - np.trace(found.joint))
    assert ((found.suspect >= 0) & (found.suspect <= 1)).all()
    told = found.to_json(["benign", "malignant"])
    assert told["suspects"] == sum(told["suspects_per_class"].values()) == found.flagged.sum()


def test_the_same_rows_give_the_same_bits(flipped: tuple[Noise, np.ndarray, list[tuple[str, int, int]]]) -> None:
    assert cancer(57)[0].suspect.tobytes() == flipped[0].suspect.tobytes()


def test_labels_as_they_are_look_far_cleaner(flipped: tuple[Noise, np.ndarray, list[tuple[str, int, int]]]) -> None:
    assert cancer(0)[0].share < 0.6 * flipped[0].share


def test_the_confident_joint_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.2, 0.8], [0.8, 0.2], [0.1, 0.9]])
    found = confident_learning(probabilities, np.array([0, 0, 0, 1, 1, 1]))
    # thresholds: class 0 (0.9 + 0.7 + 0.1) / 3 = 0.567, class 1 (0.8 + 0.2 + 0.9) / 3 = 0.633
    assert found.joint is not None
    np.testing.assert_allclose(found.joint, np.array([[2, 1], [1, 2]]) / 6)
    assert found.flagged.tolist() == [False, False, True, False, True, False]
    np.testing.assert_allclose(found.suspect[[2, 4]], [(1 + 0.9 - 0.1) / 2, (1 + 0.8 - 0.2) / 2])


def test_sure_and_right_answers_mean_no_noise() -> None:
    y = np.array([0, 1, 2, 2, 1, 0])
    found = confident_learning(np.eye(3)[y] * 0.97 + 0.01, y)
    assert found.share == pytest.approx(0.0)
    assert not found.flagged.any()


def test_a_quantity_far_from_its_estimate_is_suspect() -> None:
    bunch = load_diabetes()
    y = bunch.target.astype(np.float64).copy()
    y[[3, 50, 200]] += 2000.0
    found = estimate(design_of(bunch.data), y, folds_of(len(y)), "regression", 0, PROFILE, lambda *_: None)
    assert set(np.argsort(-found.suspect)[:3].tolist()) == {3, 50, 200}
    assert found.flagged[[3, 50, 200]].all()
    assert found.share < 0.05
    assert found.to_json([]) == {"share": pytest.approx(found.share), "suspects": int(found.flagged.sum())}


def test_a_fold_without_a_class_is_one_clear_error() -> None:
    with pytest.raises(DataError, match="too few labels"):
        estimate(
            design_of(np.arange(6.0)[:, None]),
            np.array([0, 0, 0, 0, 0, 1]),
            np.array([0, 1, 0, 1, 0, 1]),
            "binary",
            2,
            PROFILE,
            lambda *_: None,
        )


def test_a_label_is_suspect_by_the_odds_against_the_likeliest_other() -> None:
    probabilities = np.array([[0.1, 0.3, 0.6], [0.05, 0.05, 0.9], [0.5, 0.3, 0.2]])
    found = confident_learning(probabilities, np.array([1, 0, 0]))
    np.testing.assert_allclose(found.suspect, [0.6 / 0.9, 0.9 / 0.95, 0.3 / 0.8])
    assert found.proposed is not None
    assert found.margin is not None
    assert found.proposed.tolist() == [2, 2, 1]
    np.testing.assert_allclose(found.margin, [0.3, 0.85, -0.2])
