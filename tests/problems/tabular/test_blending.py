from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.problems.common.blending import blend

shares = st.floats(0, 1)


def test_a_single_member_is_passed_on_to_the_last_bit() -> None:
    score = np.array([0.0, 1e-12, 0.3, 1.0])
    assert blend([score], [1.0], "logit") is score


@settings(deadline=None)
@given(
    st.lists(st.tuples(shares, shares), min_size=1, max_size=20), st.floats(0, 1), st.sampled_from(["logit", "mean"])
)
def test_a_blend_lies_between_its_members(pairs: list[tuple[float, float]], weight: float, how: str) -> None:
    left, right = np.array(pairs).T
    mixed = blend([left, right], [weight, 1 - weight], how)  # type: ignore[arg-type]
    assert (mixed >= np.minimum(left, right) - 1e-6).all()
    assert (mixed <= np.maximum(left, right) + 1e-6).all()


def test_equal_members_stay_as_they_are() -> None:
    score = np.array([0.2, 0.7])
    assert blend([score, score], [0.5, 0.5], "logit") == pytest.approx(score)


def test_several_classes_sum_to_one_and_accept_certainty() -> None:
    left, right = np.array([[1.0, 0.0, 0.0]]), np.array([[0.2, 0.3, 0.5]])
    mixed = blend([left, right], [0.5, 0.5], "logit")
    assert mixed.sum() == pytest.approx(1.0)
    assert np.isfinite(mixed).all()
