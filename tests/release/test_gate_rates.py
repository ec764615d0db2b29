"""How often the champion gate is wrong, and what it finds: its real decision on models whose truth is known.

``benchmarks/gate_rates.py`` prints the same rates over more worlds and repetitions.
"""

from __future__ import annotations

import numpy as np
import pytest
from gate_worlds import World, binomial_interval, checks_of

from pipelines.blocks.operations import Release
from pipelines.metrics.judges import BinaryJudge
from pipelines.release.deciding import Meeting, Rule, decide
from pipelines.release.paired import ALL, differences

REPETITIONS = 150
ROWS = 300
RESAMPLES = 200
STATED = 0.025  # (1 - confidence) / 2 at the default confidence


def promoted(world: World, release: Release, rule: Rule) -> int:
    return sum(checks_of(world, release, rule, seed, RESAMPLES)["difference"].ok for seed in range(REPETITIONS))


def slice_ok(world: World, release: Release, seed: int) -> bool:
    return checks_of(world, release, "better", seed, RESAMPLES)["slice S=a"].ok


def test_without_a_true_difference_it_promotes_no_more_often_than_stated() -> None:
    hits = promoted(World(rows=ROWS), Release(), "better")
    low, _ = binomial_interval(hits, REPETITIONS)
    assert low <= STATED, f"{hits} of {REPETITIONS}"


def test_freshness_lets_a_truly_worse_one_pass_no_more_often_than_stated() -> None:
    release = Release(margin=0.02)
    hits = promoted(World(rows=ROWS, gain=-0.02), release, "not_worse")
    low, _ = binomial_interval(hits, REPETITIONS)
    assert low <= STATED, f"{hits} of {REPETITIONS}"


def test_a_gain_of_the_size_that_it_states_is_found_four_times_in_five() -> None:
    stated = np.mean(
        [checks_of(World(ROWS), Release(), "better", s, RESAMPLES)["detectable gain"].value for s in range(30)]
    )
    hits = promoted(World(rows=ROWS, gain=float(stated)), Release(), "better")
    low, high = binomial_interval(hits, REPETITIONS)
    assert low <= 0.8 <= high or hits / REPETITIONS > 0.8, f"{hits} of {REPETITIONS} at {stated:.4f}"


def test_a_slice_refuses_when_it_is_worse_beyond_noise_and_not_otherwise() -> None:
    release = Release(slice_margin=0.02)
    even = [slice_ok(World(500, slice_rows=200), release, seed) for seed in range(60)]
    assert np.mean(even) >= 1 - 2 * STATED
    worse = World(500, slice_rows=200, slice_gain=-0.25)
    assert np.mean([slice_ok(worse, release, seed) for seed in range(30)]) <= 0.05
    lax = Release(slice_margin=0.02, slice_margins={"S": 0.5})
    assert all(slice_ok(worse, lax, seed) for seed in range(10))
    strict = Release(slice_margin=0.5, slice_margins={"S": 0.5, "S=a": 0.0})
    assert not slice_ok(worse, strict, 1)


def test_a_model_against_its_own_copy_is_never_better() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.3).astype(np.int64)
    score = rng.random(300)
    pair = [BinaryJudge(y, score, ["roc_auc"]) for _ in range(2)]
    better = decide(Meeting("roc_auc", *pair), Release(), "better", 200, 0.95)[0]
    assert (better.ok, better.value) == (False, 0.0)
    assert decide(Meeting("roc_auc", *pair), Release(margin=0.001), "not_worse", 200, 0.95)[0].ok


def test_scores_that_lie_are_refused_for_their_calibration() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(1, 3, 3000)
    y = (rng.random(3000) < p).astype(np.int64)
    lying = np.clip(p * 1.6, 0, 0.999)  # the same order, so the same ROC AUC
    auc = [BinaryJudge(y, score, ["roc_auc"]) for score in (lying, p)]
    ece = [BinaryJudge(y, score, ["ece"]) for score in (lying, p)]
    found = decide(Meeting("roc_auc", *auc, {}, ("ece", *ece)), Release(), "not_worse", 200, 0.95)
    by_name = {check.name: check for check in found}
    assert by_name["difference"].ok
    assert not by_name["calibration"].ok
    honest = decide(Meeting("roc_auc", *auc[::-1], {}, ("ece", *ece[::-1])), Release(), "not_worse", 200, 0.95)
    assert {check.name: check for check in honest}["calibration"].ok


def test_a_group_is_measured_as_if_its_rows_stood_alone() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(400) < 0.4).astype(np.int64)
    scores = [rng.random(400) + 0.5 * y, rng.random(400) + 0.2 * y]
    mask = rng.random(400) < 0.5
    whole = differences(*(BinaryJudge(y, s, ["roc_auc"]) for s in scores), "roc_auc", {"a": mask}, 200, 0.95)
    alone = differences(*(BinaryJudge(y[mask], s[mask], ["roc_auc"]) for s in scores), "roc_auc", {}, 200, 0.95)
    assert whole["a"].value == pytest.approx(alone[ALL].value, abs=1e-12)
    assert whole["a"].high - whole["a"].low == pytest.approx(alone[ALL].high - alone[ALL].low, rel=0.25)
    empty = differences(
        *(BinaryJudge(y, s, ["roc_auc"]) for s in scores), "roc_auc", {"none": np.zeros(400, bool)}, 50, 0.95
    )["none"]
    assert np.isnan(empty.value)
