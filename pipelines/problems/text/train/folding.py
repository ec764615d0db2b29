"""Which fold a text is in, where a candidate is cross-fitted: the same text is in one fold, every class evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.problems.common.identity import unit_hash
from pipelines.problems.text.core.duplicates import text_codes


def assign(texts: list[str], y: NDArray[np.int64], folds: int, salt: str) -> NDArray[np.int64]:
    """Fold of each text, 0 to ``folds - 1``, int64 ``[n]``.

    Args:
        texts: cleaned texts.
        y: class indices ``[n]``; several labels per text (``[n, k]`` of 0 and 1): dealt by hash alone.
        folds: at least 2.
        salt: changes every fold.
    """
    _, first, place = np.unique(text_codes(texts), return_index=True, return_inverse=True)
    keys = unit_hash([texts[row] for row in first.tolist()], f"{salt}/folds")
    strata = y[first] if y.ndim == 1 else np.zeros(len(first), dtype=np.int64)
    order = np.lexsort((keys, strata))
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % folds
    return fold[place.ravel()]
