"""The numbers that a tabular model sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Design:
    """Features of ``n`` rows.

    Attributes:
        numeric: float32 ``[n, p]``, NaN where missing.
        categorical: int32 ``[n, q]``, codes from 0 to ``cardinalities[j] - 1``; 0 means missing or never seen.
        numeric_names: ``p`` names.
        categorical_names: ``q`` names.
        cardinalities: number of codes of each categorical column.
    """

    numeric: NDArray[np.float32]
    categorical: NDArray[np.int32]
    numeric_names: tuple[str, ...]
    categorical_names: tuple[str, ...]
    cardinalities: tuple[int, ...]

    def __len__(self) -> int:
        return int(self.numeric.shape[0])

    def take(self, rows: NDArray[Any]) -> Design:
        """Only some rows, by index or boolean mask."""
        return Design(
            self.numeric[rows], self.categorical[rows], self.numeric_names, self.categorical_names, self.cardinalities
        )
