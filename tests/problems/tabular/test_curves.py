from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score

from pipelines.metrics.intervals import Estimate
from pipelines.problems.common import curves, pictures


def scored(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 3, n)
    return (rng.random(n) < p).astype(np.int64), p


def column(points: curves.Series, name: str) -> np.ndarray:
    return np.array([point[name] for point in points])


def test_the_drawn_roc_curve_has_the_measured_area() -> None:
    y, p = scored()
    points = curves.series("binary", y, p)["roc"]
    assert len(points) == 101
    assert auc(column(points, "at"), column(points, "recall")) == pytest.approx(roc_auc_score(y, p), abs=0.003)
    assert (np.diff(column(points, "recall")) >= 0).all()


def test_a_perfect_and_a_constant_score_have_the_expected_roc() -> None:
    y = np.array([0] * 50 + [1] * 50)
    perfect = curves.series("binary", y, np.where(y == 1, 0.9, 0.1))["roc"]
    assert column(perfect, "recall").min() == 1.0
    flat = curves.series("binary", y, np.full(100, 0.5))["roc"]
    assert column(flat, "recall") == pytest.approx(column(flat, "at"))


def test_gain_and_precision_end_where_they_must() -> None:
    y, p = scored()
    found = curves.series("binary", y, p)
    gain, precision = found["gain"], found["precision_recall"]
    assert (gain[0]["recall"], gain[-1]["recall"]) == (0.0, 1.0)
    assert y.mean() <= precision[-1]["precision"] < y.mean() + 0.02


def test_histograms_hold_every_row() -> None:
    y, p = scored()
    assert column(curves.series("binary", y, p)["score_histogram"], "share").sum() == pytest.approx(1.0, abs=1e-5)
    same = curves.series("regression", np.ones(20), np.ones(20))["error_histogram"]
    assert column(same, "share").sum() == pytest.approx(1.0)


@pytest.mark.slow
def test_pictures_are_equal_bytes_and_say_nothing_of_their_maker(tmp_path: Path) -> None:
    y, p = scored()
    group = {
        "name": "größe 大",
        "rows": 9,
        "judged": False,
        "metrics": {"roc_auc": {"value": 0.7, "low": 0.6, "high": 0.8}},
    }
    for place in ("one", "two"):
        pictures.draw(
            tmp_path / place, "binary", curves.series("binary", y, p), {"roc_auc": Estimate(0.8, 0.7, 0.9)}, 0.2,
            [("größe 大", 0.3, 1.0), ("b", 0.1, None)], [{"column": "x", "groups": [group]}], "log-odds",
        )  # fmt: skip
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 7
    for name in names:
        content = (tmp_path / "one" / name).read_bytes()
        assert content == (tmp_path / "two" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert b"Matplotlib" not in content
