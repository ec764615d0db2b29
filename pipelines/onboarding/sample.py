"""A sample of rows spread evenly over data of unknown length, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CELLS = 3_000_000
MOST_ROWS, LEAST_ROWS = 20_000, 1_000


class Spread:
    """Every ``step``-th row from the first on; ``step`` doubles whenever twice ``most`` rows are kept.

    The same data gives the same sample, and data of up to ``2 * most`` rows is kept whole.
    """

    def __init__(self, columns: int) -> None:
        self.most = min(MOST_ROWS, max(LEAST_ROWS, CELLS // max(columns, 1)))
        self.step = 1
        self.seen = 0
        self._parts: list[pd.DataFrame] = []

    def add(self, part: pd.DataFrame) -> None:
        """Another piece of the data."""
        places = np.arange(self.seen, self.seen + len(part))
        kept = part.iloc[np.flatnonzero(places % self.step == 0)].copy()
        kept.index = places[places % self.step == 0]
        self.seen += len(part)
        self._parts.append(kept)
        while sum(map(len, self._parts)) > 2 * self.most:
            self.step *= 2
            self._parts = [piece[piece.index % self.step == 0] for piece in self._parts]

    @property
    def whole(self) -> bool:
        """Whether the sample is all of the data."""
        return self.step == 1

    def frame(self) -> pd.DataFrame:
        """The rows kept, in order, as they were read."""
        import pandas as pd

        if not self._parts:
            return pd.DataFrame()
        kinds = {tuple(map(str, piece.dtypes)) for piece in self._parts}
        parts = self._parts if len(kinds) == 1 else [piece.astype(object) for piece in self._parts]
        return pd.concat(parts, ignore_index=True)
