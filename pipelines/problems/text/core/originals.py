"""Trained text models as the train stage saved them, asked for texts that were not there at training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import read_json

FloatArray = NDArray[np.float64]


class Original:
    """The mean of one candidate's models (one per seed), as they were trained.

    Args:
        family: ``linear_text`` or ``encoder``.
        folder: the candidate's train folder.
    """

    def __init__(self, family: str, folder: Path) -> None:
        record = read_json(folder / "model.json")
        self._models: list[Any]
        if family == "linear_text":
            from pipelines.models.linear_text import load

            self._models = [load(folder, one["files"]) for one in record["members"]]
        else:
            from pipelines.models.encoder.model import load as load_encoder

            self._models = [load_encoder(folder, one["files"]) for one in record["members"]]

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Probabilities ``[n, k]`` of cleaned texts."""
        return np.asarray(np.mean([model.predict(texts) for model in self._models], axis=0), dtype=np.float64)
