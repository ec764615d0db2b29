from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipelines.metrics.intervals import difference, estimates, percentile_interval, replicates
from pipelines.metrics.judges import judge
from pipelines.metrics.resampling import draws


def outcomes(rng: np.random.Generator, n: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = rng.normal(-1.3, 1.2, n)
    p = 1 / (1 + np.exp(-x))
    y = (rng.random(n) < p).astype(int)
    return y, p, 1 / (1 + np.exp(-(x + rng.normal(0, noise, n))))


def test_draws_are_samples_with_replacement_in_chunks() -> None:
    chunks = list(draws(100_000, 12, seed=3))
    assert len(chunks) > 1
    counts = np.concatenate(chunks)
    assert counts.shape == (12, 100_000)
    assert (counts.sum(axis=1) == 100_000).all()
    assert counts.var() == pytest.approx(1.0, abs=0.02)
    assert (np.concatenate(list(draws(100_000, 12, seed=3))) == counts).all()


def test_stratified_draws_keep_each_group_s_size(rng: np.random.Generator) -> None:
    strata = rng.integers(0, 3, 200)
    counts = np.concatenate(list(draws(200, 50, strata=strata)))
    for value in range(3):
        assert (counts[:, strata == value].sum(axis=1) == (strata == value).sum()).all()


def test_a_replicate_is_the_measure_of_the_drawn_rows(rng: np.random.Generator) -> None:
    y, p, _ = outcomes(rng, 300)
    p = np.round(p, 2)
    drawn = replicates(judge("binary", y, p), 20, seed=5)
    for i, counts in enumerate(np.concatenate(list(draws(300, 20, seed=5)))):
        rows = np.repeat(np.arange(300), counts.astype(int))
        assert drawn["roc_auc"][i] == pytest.approx(roc_auc_score(y[rows], p[rows]))
        assert drawn["brier"][i] == pytest.approx(np.mean((p[rows] - y[rows]) ** 2))


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say(rng: np.random.Generator) -> None:
    y, p, _ = outcomes(rng, 400_000)
    truth = {name: value.value for name, value in estimates(judge("binary", y, p, ["roc_auc", "brier"]), 100).items()}
    inside = {"roc_auc": 0, "brier": 0, "rms_calibration_error": 0}
    tries = 150
    for seed in range(tries):
        y, p, _ = outcomes(rng, 800)
        found = estimates(judge("binary", y, p, tuple(inside)), 200, 0.9, seed)
        for name in truth:
            inside[name] += found[name].low <= truth[name] <= found[name].high
        inside["rms_calibration_error"] += found["rms_calibration_error"].low <= 0.0
    assert 0.82 <= inside["roc_auc"] / tries <= 0.97
    assert 0.82 <= inside["brier"] / tries <= 0.97
    assert inside["rms_calibration_error"] / tries >= 0.9


def test_every_estimate_lies_in_its_interval(rng: np.random.Generator) -> None:
    y, p, _ = outcomes(rng, 1200)
    for task, truth, score in (
        ("binary", y, p),
        ("multiclass", y, np.column_stack([1 - p, p])),
        ("regression", y.astype(float), p),
    ):
        for name, found in estimates(judge(task, truth, score)).items():  # type: ignore[arg-type]
            assert found.low <= found.value <= found.high, name


def test_the_same_model_is_neither_better_nor_worse(rng: np.random.Generator) -> None:
    y, p, _ = outcomes(rng, 500)
    same = difference(judge("binary", y, p), judge("binary", y, p), "roc_auc", 200)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert not same.better(0.95)
    assert same.not_worse(0.001)


def test_pairing_sees_a_small_gain_that_separate_intervals_cannot(rng: np.random.Generator) -> None:
    y, p, other = outcomes(rng, 4000, noise=0.25)
    first, second = judge("binary", y, p), judge("binary", y, other)
    gain = difference(first, second, "roc_auc", 400)
    assert gain.better(0.95)
    alone = estimates(first, 400)["roc_auc"]
    assert alone.reaches(estimates(second, 400)["roc_auc"].value)
    loss = difference(second, first, "roc_auc", 400)
    assert loss.value == pytest.approx(-gain.value)
    assert loss.not_worse(0.05)
    assert not loss.not_worse(0.001)


def test_a_lower_error_counts_as_better(rng: np.random.Generator) -> None:
    y, p, other = outcomes(rng, 3000, noise=1.0)
    assert difference(judge("binary", y, p), judge("binary", y, other), "brier", 200).value > 0


def test_different_rows_cannot_be_paired(rng: np.random.Generator) -> None:
    y, p, _ = outcomes(rng, 50)
    with pytest.raises(ValueError, match="cannot be paired"):
        difference(judge("binary", y, p), judge("binary", y[:-1], p[:-1]), "roc_auc", 10)


def test_undefined_replicates_are_left_out() -> None:
    assert percentile_interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)
    assert np.isnan(percentile_interval(np.array([np.nan]))[0])
