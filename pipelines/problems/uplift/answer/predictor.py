"""A packaged uplift model as a function of raw rows. Export, package and the service all answer through it.

Needs numpy and LightGBM; neither pandas, torch nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.features.design import Design
from pipelines.features.tabular import Derive, FeatureState, transform
from pipelines.metrics.uplift import Stakes, recommend
from pipelines.metrics.uplift_effects import Line
from pipelines.models.lightgbm import matrix
from pipelines.problems.base import DeriveFor
from pipelines.problems.common.opening import exported_members, read_parts

FloatArray = NDArray[np.float64]
Raw = Mapping[str, NDArray[Any]]


class TreesScorer:
    """The mean over folds of one learner's trees, read from LightGBM's text."""

    def __init__(self, folder: Path, entry: Mapping[str, Any]) -> None:
        import lightgbm as lgb

        self.learner: str = entry["learner"]
        self._folds: list[list[Any]] = []
        for names in entry["folds"]:
            boosters = []
            for name in names:
                try:
                    boosters.append(lgb.Booster(model_str=(folder / name).read_text(encoding="utf-8")))
                except (OSError, lgb.basic.LightGBMError, UnicodeDecodeError) as error:
                    raise BundleError(
                        f"not a LightGBM model: {error}", where={"file": name}, next_step="export the model again"
                    ) from error
            self._folds.append(boosters)

    def uplift(self, design: Design) -> FloatArray:
        """Uplift of each arm as the trees have it, ``[n, k]``."""
        inputs = matrix(design)
        return self._mean([[b.predict(inputs, num_threads=1) for b in boosters] for boosters in self._folds])

    def contributions(self, design: Design) -> FloatArray:
        """Exact SHAP values of the uplift ``[n, k, f + 1]``: those of an arm's trees less those of the control's; the
        last is the expected uplift, and each row sums to :meth:`uplift`."""
        inputs = matrix(design)
        return self._mean(
            [[b.predict(inputs, pred_contrib=True, num_threads=1) for b in boosters] for boosters in self._folds]
        )

    def _mean(self, answers: Sequence[Sequence[Any]]) -> FloatArray:
        from pipelines.models.uplift_trees import uplift_of

        total = np.zeros(())
        for one in answers:
            total = total + uplift_of(self.learner, one)
        return np.asarray(total / len(answers), dtype=np.float64)


class Predictor:
    """Answers for rows of one product; immutable, and safe to call from several threads.

    Attributes:
        arms: names of the arms, the control first.
        stakes: value of an outcome and costs of the offers.
        fields: raw columns that a row must bring, in order.
    """

    def __init__(
        self, choice: Mapping[str, Any], state: FeatureState, scorer: TreesScorer, derive: Derive | None
    ) -> None:
        self.arms: list[Any] = list(choice["classes"])
        campaign = choice["campaign"]
        self.stakes = Stakes(float(campaign["value"]), tuple(float(cost) for cost in campaign["costs"]))
        self.fields = state.raw
        self.categories = state.categorical
        self.lines = [Line.from_json(line).trusted() for line in choice["calibration"]["lines"]]
        self._z = NormalDist().inv_cdf(0.5 + float(choice["confidence"]) / 2.0)
        self._ranks = [np.asarray(grid, dtype=np.float64) for grid in choice["ranks"]]
        self._state, self._scorer, self._derive = state, scorer, derive

    @staticmethod
    def load(folder: Path, derive_for: DeriveFor) -> Predictor:
        """Read a bundle.

        Raises:
            BundleError: a file is missing, not readable, or does not fit the others.
        """
        return Predictor.assemble(folder / "choice.json", folder / "features.json", folder / "export.json", derive_for)

    @staticmethod
    def assemble(choice: Path, features: Path, export: Path, derive_for: DeriveFor) -> Predictor:
        """As :meth:`load`, from files that lie apart; model files lie beside ``export``."""
        chosen, features_of, exported = read_parts(choice, features, export)
        state = FeatureState.from_json(features_of)
        member = exported_members(chosen, exported, export.parent.name)[0]
        return Predictor(chosen, state, TreesScorer(export.parent, member), derive_for(state.module))

    def design(self, columns: Raw) -> Design:
        """Features of raw columns ``{name: array [n]}``.

        Raises:
            DataError: one of :attr:`fields` is missing.
        """
        return transform(self._state, columns, self._derive)

    def told(self, rows: Raw | Design) -> FloatArray:
        """Uplift as the trees have it, ``[n, k]``."""
        return self._scorer.uplift(rows if isinstance(rows, Design) else self.design(rows))

    def uplift(self, told: FloatArray) -> FloatArray:
        """Expected uplift of each arm, on the scale of the test's effects, ``[n, k]``."""
        return np.stack([line.apply(told[:, place]) for place, line in enumerate(self.lines)], axis=1)

    def errors(self, told: FloatArray) -> FloatArray:
        """Standard error of :meth:`uplift`, as a mean effect, ``[n, k]``."""
        return np.stack([line.errors(told[:, place]) for place, line in enumerate(self.lines)], axis=1)

    def intervals(self, told: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of the mean effect among customers like this one, ``[n, k]`` each."""
        value, half = self.uplift(told), self._z * self.errors(told)
        return value - half, value + half

    def ranks(self, uplift: FloatArray) -> FloatArray:
        """Share of the known customers with a lower uplift, ``[n, k]``."""
        found = [np.searchsorted(grid, uplift[:, at], side="left") / len(grid) for at, grid in enumerate(self._ranks)]
        return np.stack(found, axis=1)

    def offers(self, uplift: FloatArray) -> NDArray[np.int64]:
        """Number of the recommended arm, 0 for no contact, ``[n]``."""
        return recommend(uplift, self.stakes)

    def contributions(self, design: Design) -> FloatArray:
        """Each feature's part in the expected uplift ``[n, k, f]``: SHAP of the difference, times the line's slope."""
        values = self._scorer.contributions(design)[..., :-1]
        slopes = np.array([line.slope for line in self.lines])
        return np.asarray(values * slopes[None, :, None])
