"""Average effects of a randomised test, whether they differ between customers, and expected uplift put on scale.

The doubly robust score of an arm, ``mu_a - mu_0 + [A = a] (Y - mu_a) / e_a - [A = 0] (Y - mu_0) / e_0``, has the
arm's effect as its mean whatever the outcome models ``mu`` are, since the shares ``e`` are known (Robins, Rotnitzky and
Zhao 1994). Regressed on a model's uplift ``S`` it gives the best linear predictor of the effect: the intercept is the
average effect, a slope above 0 says that ``S`` tells customers apart, and the line puts ``S`` on the scale of real
effects (Chernozhukov, Demirer, Duflo and Fernandez-Val 2018, Generic Machine Learning Inference on Heterogeneous
Treatment Effects, NBER 24678). ``S`` must come from models that have not seen the row's outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def robust_scores(y: NDArray[Any], arm: NDArray[np.int64], means: FloatArray, shares: FloatArray) -> FloatArray:
    """Doubly robust scores of each arm, ``[n, k]``.

    Args:
        y: outcomes ``[n]``.
        arm: what was done, 0 the control, ``[n]``.
        means: expected outcome under the control and each arm, ``[n, k + 1]``.
        shares: share of customers in the control and each arm, ``[k + 1]``.
    """
    outcome = np.asarray(y, dtype=np.float64)
    own = (arm[:, None] == np.arange(means.shape[1])) * (outcome[:, None] - means) / shares + means
    return np.asarray(own[:, 1:] - own[:, :1])


@dataclass(frozen=True)
class Line:
    """The best linear predictor ``intercept + slope (s - center)`` of one arm's effect.

    Attributes:
        intercept: the average effect.
        slope: how much of a difference in ``s`` is real.
        center: mean of ``s``.
        covariance: of intercept and slope, ``[2, 2]``.
        rows: rows it was fitted on.
    """

    intercept: float
    slope: float
    center: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    rows: int

    @staticmethod
    def fit(score: FloatArray, s: FloatArray) -> Line:
        """Least squares with Huber-White standard errors (HC0).

        Args:
            score: doubly robust scores ``[n]``.
            s: a model's uplift ``[n]``.
        """
        center = float(s.mean())
        x = np.stack([np.ones(len(s)), s - center], axis=1)
        gram = x.T @ x
        if np.linalg.matrix_rank(gram) < 2:
            error = float(score.std() / np.sqrt(len(s)))
            return Line(float(score.mean()), 0.0, center, ((error * error, 0.0), (0.0, 0.0)), len(s))
        inverse = np.linalg.inv(gram)
        beta = inverse @ x.T @ score
        residual = (score - x @ beta)[:, None] * x
        cov = inverse @ (residual.T @ residual) @ inverse
        pairs = ((float(cov[0, 0]), float(cov[0, 1])), (float(cov[1, 0]), float(cov[1, 1])))
        return Line(float(beta[0]), float(beta[1]), center, pairs, len(s))

    def trusted(self) -> Line:
        """The line as it is applied: a slope is kept between 0 and 1, since a model may exaggerate differences or be
        wrong about them, and is never believed to understate them."""
        return Line(self.intercept, min(max(self.slope, 0.0), 1.0), self.center, self.covariance, self.rows)

    def apply(self, s: FloatArray) -> FloatArray:
        """Expected effect of customers with these values."""
        return np.asarray(self.intercept + self.slope * (s - self.center), dtype=np.float64)

    def errors(self, s: FloatArray) -> FloatArray:
        """Standard error of :meth:`apply`: of the mean effect at ``s``, not of one customer's outcome."""
        (a, ab), (_, b) = self.covariance
        x = s - self.center
        return np.asarray(np.sqrt(np.maximum(a + 2.0 * ab * x + b * x * x, 0.0)))

    def sum_error(self, s: FloatArray) -> float:
        """Standard error of the sum of :meth:`apply` over these customers."""
        (a, ab), (_, b) = self.covariance
        count, x = float(len(s)), float((s - self.center).sum())
        return float(np.sqrt(max(a * count * count + 2.0 * ab * count * x + b * x * x, 0.0)))

    def interval(self, which: str, confidence: float) -> tuple[float, float, float]:
        """Value, low and high of ``intercept`` or ``slope``."""
        place = {"intercept": 0, "slope": 1}[which]
        value = self.intercept if place == 0 else self.slope
        half = NormalDist().inv_cdf(0.5 + confidence / 2.0) * float(np.sqrt(self.covariance[place][place]))
        return value, value - half, value + half

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` is the inverse."""
        return {
            "intercept": self.intercept, "slope": self.slope, "center": self.center,
            "covariance": [list(row) for row in self.covariance], "rows": self.rows,
        }  # fmt: skip

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Line:
        """As written into ``choice.json``."""
        first, second = value["covariance"]
        pairs = ((float(first[0]), float(first[1])), (float(second[0]), float(second[1])))
        return Line(float(value["intercept"]), float(value["slope"]), float(value["center"]), pairs, int(value["rows"]))
