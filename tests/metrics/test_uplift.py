"""Uplift measures against sums written out by hand, and against a world whose effects are known."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics.intervals import difference, estimates
from pipelines.metrics.uplift import ArmJudge, PolicyJudge, Stakes, Together, UpliftJudge, qini_curve, recommend


def by_hand(y: Any, arm: Any, score: Any, weight: Any, place: int) -> dict[str, float]:
    """``qini`` and ``auuc`` by the written formulas, one threshold after the other."""
    rows = [i for i in range(len(y)) if arm[i] in (0, place)]
    total_t = sum(weight[i] for i in rows if arm[i] == place)
    total = sum(weight[i] for i in rows)
    points = [(0.0, 0.0, 0.0)]
    for cut in sorted({score[i] for i in rows}, reverse=True):
        top = [i for i in rows if score[i] >= cut]
        n_t = sum(weight[i] for i in top if arm[i] == place)
        n_c = sum(weight[i] for i in top if arm[i] == 0)
        y_t = sum(weight[i] * y[i] for i in top if arm[i] == place)
        y_c = sum(weight[i] * y[i] for i in top if arm[i] == 0)
        qini = (y_t - (y_c * n_t / n_c if n_c else 0.0)) / total_t
        lift = (y_t / n_t if n_t else 0.0) - (y_c / n_c if n_c else 0.0)
        share = (n_t + n_c) / total
        points.append((share, qini, lift * share))
    area = [0.0, 0.0]
    for (x0, *a), (x1, *b) in itertools.pairwise(points):
        for at in range(2):
            area[at] += (x1 - x0) * (a[at] + b[at]) / 2
    return {"qini": area[0] - points[-1][1] / 2, "auuc": area[1]}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 40))
def test_areas_are_those_of_the_formulas_with_ties_and_weights(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    arm = np.concatenate([[0, 1, 2], rng.integers(0, 3, n)])
    y, score = rng.integers(0, 2, len(arm)), np.round(rng.normal(size=len(arm)), 1)
    weight = rng.integers(0, 3, len(arm)).astype(np.float64)
    weight[:3] = 1.0
    found = ArmJudge(y, arm, score, 2, ("qini", "auuc")).measure(weight[None, :])
    wanted = by_hand(y, arm, score, weight, 2)
    assert found["qini"][0] == pytest.approx(wanted["qini"], abs=1e-12)
    assert found["auuc"][0] == pytest.approx(wanted["auuc"], abs=1e-12)


def test_weights_count_like_repeated_rows() -> None:
    rng = np.random.default_rng(1)
    n = 200
    arm, y = rng.integers(0, 3, n), rng.integers(0, 2, n)
    uplift = np.round(rng.normal(size=(n, 2)), 1)
    weight = rng.integers(0, 4, n)
    stakes = Stakes(2.0, (0.1, 0.2))
    names = ("policy_value", "qini", "auuc")
    once = UpliftJudge(y, arm, uplift, stakes, names).measure(weight[None, :].astype(np.float64))
    rows = np.repeat(np.arange(n), weight)
    again = UpliftJudge(y[rows], arm[rows], uplift[rows], stakes, names).measure(np.ones((1, len(rows))))
    for name in names:
        assert once[name][0] == pytest.approx(again[name][0], abs=1e-12)


def test_uplift_of_the_top_share_is_the_difference_of_means() -> None:
    score = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    arm = np.array([1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    y = np.array([1, 0, 1, 1, 0, 0, 0, 1, 0, 0])
    found = ArmJudge(y, arm, score, 1, ("uplift_40", "ate")).measure(np.ones((1, 10)))
    assert found["uplift_40"][0] == pytest.approx(1.0 - 0.5)
    assert found["ate"][0] == pytest.approx(2 / 5 - 2 / 5)


def test_offers_go_to_the_highest_gain_and_to_nobody_at_a_loss() -> None:
    uplift = np.array([[0.10, 0.12], [0.10, 0.30], [0.01, 0.01], [-0.2, -0.1]])
    assert recommend(uplift, Stakes(1.0, (0.02, 0.10))).tolist() == [1, 2, 0, 0]


def test_the_value_of_contacting_everyone_is_the_average_effect_less_the_cost() -> None:
    rng = np.random.default_rng(2)
    arm, y = rng.integers(0, 2, 500), rng.integers(0, 2, 500)
    everyone = np.ones(500, dtype=np.int64)
    found = PolicyJudge(y, arm, everyone, Stakes(3.0, (0.25,))).measure(np.ones((1, 500)))["policy_value"][0]
    assert found == pytest.approx(3.0 * (y[arm == 1].mean() - y[arm == 0].mean()) - 0.25)
    nobody = PolicyJudge(y, arm, np.zeros(500, dtype=np.int64), Stakes(3.0, (0.25,)))
    assert nobody.measure(np.ones((1, 500)))["policy_value"][0] == 0.0


def test_policy_value_finds_the_truth_of_a_known_world() -> None:
    rng = np.random.default_rng(3)
    n = 20_000
    x, arm = rng.random(n), rng.integers(0, 2, n)
    effect = 0.3 * x - 0.1
    y = (rng.random(n) < 0.3 + effect * (arm == 1)).astype(np.int64)
    stakes = Stakes(1.0, (0.05,))
    judge = UpliftJudge(y, arm, effect[:, None], stakes, ["policy_value", "qini"])
    truth = float(np.mean(np.where(effect > 0.05, effect - 0.05, 0.0)))
    found = estimates(judge, 100, 0.99)
    assert found["policy_value"].low < truth < found["policy_value"].high
    assert found["qini"].low > 0.0
    reverse = UpliftJudge(y, arm, -effect[:, None], stakes, ["qini"])
    assert difference(judge, reverse, "qini", 40, 0.95).better(0.95)


def test_a_constant_score_has_no_qini_and_chance_has_little() -> None:
    rng = np.random.default_rng(4)
    arm, y = rng.integers(0, 2, 2000), rng.integers(0, 2, 2000)
    flat = ArmJudge(y, arm, np.zeros(2000), 1, ["qini"]).measure(np.ones((1, 2000)))["qini"][0]
    assert flat == pytest.approx(0.0, abs=1e-12)
    share, curve = qini_curve(y, arm, rng.random(2000), 1)
    assert (share[0], curve[0], share[-1]) == (0.0, 0.0, 1.0)
    assert curve[-1] == pytest.approx(y[arm == 1].mean() - y[arm == 0].sum() / (arm == 0).sum())


def test_judges_together_see_the_same_draws() -> None:
    rng = np.random.default_rng(5)
    arm, y = rng.integers(0, 2, 300), rng.integers(0, 2, 300)
    one = ArmJudge(y, arm, rng.random(300), 1, ["ate", "qini"])
    both = Together({":a": one, ":b": one})
    found = estimates(both, 100, 0.9)
    assert found["ate:a"] == found["ate:b"] == estimates(one, 100, 0.9)["ate"]


def test_rows_of_weight_zero_do_not_break_a_measure() -> None:
    arm, y = np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0])
    judge = UpliftJudge(y, arm, np.array([[0.1], [0.2], [0.3], [0.4]]), Stakes(1.0, (0.0,)))
    found = judge.measure(np.array([[0.0, 0.0, 1.0, 0.0]]))
    assert found["policy_value"][0] == 0.0
