"""What every text learner is given and gives; texts are already cleaned (:func:`pipelines.features.text.clean`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pipelines.blocks.models import Profile

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TextData:
    """Texts with their classes.

    Attributes:
        texts: train texts.
        y: int64 class indices ``[n]``; several labels per text: 0 and 1 ``[n, k]``.
        classes: number of classes.
        weight: float64 ``[n]``.
        valid_texts: texts that nothing is learned from but one temperature.
        y_valid: their classes, as ``y``.
    """

    texts: Sequence[str]
    y: NDArray[np.int64]
    classes: int
    weight: FloatArray
    valid_texts: Sequence[str]
    y_valid: NDArray[np.int64]


def of_rows(data: TextData, rows: NDArray[np.int64]) -> TextData:
    """These train texts alone, without valid texts."""
    texts = [data.texts[row] for row in rows.tolist()]
    return TextData(texts, data.y[rows], data.classes, data.weight[rows], [], data.y[:0])


@dataclass(frozen=True)
class Machine:
    """A machine as ``profile`` of params.yaml states it, for a node that has no pydantic."""

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 2


@dataclass(frozen=True)
class TextSettings:
    """How to fit: hyper-parameters over the family's defaults, one seed, the stated machine; as for tables."""

    seed: int
    params: Mapping[str, Any] = field(default_factory=dict)
    profile: Profile | Machine = field(default_factory=Machine)
    checkpoints: Path | None = None
    progress: Any = None
    label: str = "0"
    root: Path = Path()


class TextModel(Protocol):
    """A fitted model of texts."""

    @property
    def best_iteration(self) -> int:
        """Passes over the rows behind the model that was kept."""
        ...

    def predict(self, texts: Sequence[str]) -> FloatArray:
        """Probabilities ``[n, k]``."""
        ...

    def save(self, folder: Path) -> list[str]:
        """Write the model's files (no pickle) and return their names."""
        ...
