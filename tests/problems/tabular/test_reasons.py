from __future__ import annotations

import nets
import numpy as np
import pytest

from pipelines.features.design import Design
from pipelines.problems.common import reasons


def linear(rows: Design) -> np.ndarray:
    """3 a - 2 b + ... for the numbers, twice the code for categories; missing counts as 0."""
    width = rows.numeric.shape[1]
    slopes = np.where(np.arange(width) % 2 == 0, 3.0, -2.0)
    numbers = np.nan_to_num(rows.numeric.astype(np.float64)) @ slopes
    return np.asarray(numbers + 2.0 * rows.categorical.sum(axis=1))


@pytest.mark.parametrize(("p", "q"), [(3, 2), (4, 0), (0, 2)])
@pytest.mark.parametrize("n", [1, 17])
def test_occlusion_of_a_linear_score_is_complete(p: int, q: int, n: int) -> None:
    design = nets.rows(n, p, q)
    reference = reasons.reference_design({"numeric": [1.0] * p, "categorical": [1] * q}, design)
    parts = reasons.occlusion(design, reference, linear)
    assert parts.shape == (n, p + q)
    assert parts.sum(axis=1) == pytest.approx(linear(design) - linear(reference)[0])


def test_many_rows_are_occluded_in_pieces_with_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    design = nets.rows(50, 3, 1)
    reference = design.take(np.array([0]))
    whole = reasons.occlusion(design, reference, linear)
    monkeypatch.setattr(reasons, "OCCLUSION_CELLS", 100)
    assert reasons.occlusion(design, reference, linear) == pytest.approx(whole)


def test_reasons_are_sorted_named_and_without_silent_features() -> None:
    design = Design(np.array([[0.1, np.nan]], np.float32), np.array([[2, 0]], np.int32), ("a", "b"), ("c", "d"), (3, 3))
    values = np.array([[0.5, -0.9, 0.7, 0.0]])
    (found,) = reasons.strongest(design, values, {"c": ("red", "blue"), "d": ("x", "y")}, top=5)
    assert [(reason.feature, reason.value, reason.contribution) for reason in found] == [
        ("b", None, -0.9),
        ("c", "blue", 0.7),
        ("a", 0.1, 0.5),
    ]
    assert len(reasons.strongest(design, values, {"c": ("red", "blue"), "d": ()}, top=1)[0]) == 1


def test_a_reference_without_a_value_is_missing() -> None:
    design = nets.rows(4, 2, 1)
    row = reasons.reference_design({"numeric": [None, 2.0], "categorical": [3]}, design)
    assert np.isnan(row.numeric[0, 0])
    assert row.categorical.tolist() == [[3]]
