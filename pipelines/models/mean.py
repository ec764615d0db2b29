"""Several fitted models of one family as one: the mean of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.features.design import Design
from pipelines.models.base import FloatArray, Model, Task


@dataclass(frozen=True)
class MeanModel:
    """The mean over members (seeds and folds): of probabilities, or of values for regression.

    Attributes:
        members: at least one fitted model.
        family: name of the family, e.g. ``lightgbm``.
        task: what the members answer.
    """

    members: Sequence[Model]
    family: str
    task: Task

    @property
    def best_iteration(self) -> int:
        """Mean over the members, rounded."""
        return round(sum(member.best_iteration for member in self.members) / len(self.members))

    def predict(self, design: Design) -> FloatArray:
        """As :meth:`pipelines.models.base.Model.predict`; summed in the order of the members, float64."""
        total = np.zeros(())
        for member in self.members:
            total = total + member.predict(design)
        return np.asarray(total / len(self.members), dtype=np.float64)

    def save(self, folder: Path) -> list[str]:
        """Each member's files, named by the member."""
        return [name for member in self.members for name in member.save(folder)]
