"""What every tabular learner offers to the train stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design

if TYPE_CHECKING:
    from pipelines.blocks.models import Profile

Task = Literal["binary", "multiclass", "multilabel", "regression"]
FloatArray = NDArray[np.float64]


def _profile() -> Profile:
    from pipelines.blocks.models import Profile  # not on a bare node, where this module is imported too

    return Profile()


@dataclass(frozen=True)
class FitData:
    """One fit: training and validation rows of one task.

    ``y`` is int64 class indices ``[n]`` (binary: 1 is the positive class) or float64 values for regression;
    ``weight`` is float64 ``[n]`` or None; ``valid_weight`` that of the validation rows, where the family reads it
    (LightGBM).
    """

    task: Task
    classes: int
    train: Design
    y_train: NDArray[Any]
    valid: Design
    y_valid: NDArray[Any]
    weight: FloatArray | None = None
    valid_weight: FloatArray | None = None


@dataclass(frozen=True)
class FitSettings:
    """How to fit: hyper-parameters over the family's defaults, one seed, the stated machine.

    ``label`` tells one of several models from the others: it is in the names of its files and of its checkpoint,
    which lies in ``checkpoints`` and stays there until the caller removes it.
    """

    seed: int
    params: Mapping[str, Any] = field(default_factory=dict)
    profile: Profile = field(default_factory=_profile)
    checkpoints: Path | None = None
    progress: Any = None
    label: str = "0"


class Model(Protocol):
    """A fitted model."""

    @property
    def best_iteration(self) -> int:
        """Boosting rounds or epochs behind the model that was kept."""
        ...

    def predict(self, design: Design) -> FloatArray:
        """P(positive) ``[n]`` for binary, probabilities ``[n, k]`` for multiclass, values ``[n]`` for regression."""
        ...

    def save(self, folder: Path) -> list[str]:
        """Write the model's files (no pickle) and return their names."""
        ...
