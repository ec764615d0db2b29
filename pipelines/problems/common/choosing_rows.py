"""Which unlabelled rows a person should see first: uncertain ones, unlike each other.

Ash, Zhang, Krishnamurthy, Langford, Agarwal (2020), Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
Bounds (BADGE), ICLR. The gradient of the log loss by the last layer, at the model's own answer, is the outer product
of ``p - onehot(argmax p)`` and the embedding: long where the model is unsure, in another direction where the text or
the confusion is another. Rows are drawn one by one with chances by the squared distance to the nearest chosen one
(k-means++, Arthur and Vassilvitskii 2007), where the zero gradient counts as chosen from the start: a row of which the
model is sure teaches nothing. Here the chances are also by one minus the margin: more of those on the edge. The outer
products are never made: their inner products factor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError

FloatArray = NDArray[np.float64]
_TINY = 1e-12


def margins(probabilities: FloatArray) -> FloatArray:
    """Best minus second-best probability, ``[n]``, 0 (undecided) to 1 (sure)."""
    two = np.partition(probabilities, probabilities.shape[1] - 2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def margin_order(probabilities: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """The ``count`` rows with the smallest margin, most undecided first; ties by row index."""
    checked = _checked(probabilities)
    return np.argsort(margins(checked), kind="stable")[: max(count, 0)].astype(np.int64)


def review_order(
    probabilities: NDArray[np.floating], embeddings: NDArray[np.floating] | None, count: int, seed: int
) -> NDArray[np.int64]:
    """Rows in the order in which answers are worth most; every prefix is a sensible batch.

    Args:
        probabilities: of the classes, ``[n, k]``, k >= 2, each row sums to 1.
        embeddings: of the rows, ``[n, d]``, any scale; None: rows differ by their probabilities alone.
        count: how many rows at most; more than ``n`` means all of them.
        seed: of the draws; the same arguments give the same order.

    Returns:
        Distinct row indices, int64 ``[min(count, n)]``. The first is the one with the longest gradient times one
        minus the margin.

    Raises:
        DataError: shapes that do not fit, values that are not finite, rows that are no probabilities.
    """
    p = _checked(probabilities)
    rows = len(p)
    wanted = min(max(count, 0), rows)
    if not wanted:
        return np.zeros(0, dtype=np.int64)
    residual = p.copy()
    residual[np.arange(rows), p.argmax(axis=1)] -= 1.0
    place = _places(embeddings, rows)
    size = np.einsum("ij,ij->i", residual, residual) * np.einsum("ij,ij->i", place, place)
    rng = np.random.default_rng(seed)
    taken = np.zeros(rows, dtype=bool)
    order = np.empty(wanted, dtype=np.int64)
    nearest, doubt = size.copy(), 1.0 - margins(p)
    row = int((size * doubt).argmax())
    for step in range(wanted):
        order[step], taken[row] = row, True
        inner = (residual @ residual[row]) * (place @ place[row])
        nearest = np.minimum(nearest, np.maximum(size + size[row] - 2.0 * inner, 0.0))
        nearest[taken] = 0.0
        worth = nearest * doubt
        total = float(worth.sum())
        if total <= _TINY:  # the others are copies, or the model is sure of all of them
            rest = np.flatnonzero(~taken)
            rest = rest[np.argsort(margins(p[rest]), kind="stable")]
            order[step + 1 :] = rest[: wanted - step - 1]
            break
        row = min(int(np.searchsorted(np.cumsum(worth), rng.random() * total, side="right")), rows - 1)
        if taken[row] or worth[row] == 0.0:  # rounding at the upper end of the sums
            row = int(worth.argmax())
    return order


def _places(embeddings: NDArray[np.floating] | None, rows: int) -> NDArray[np.float32]:
    """Embeddings of length 1, so that a long text counts no more than a short one, ``[n, d]``."""
    if embeddings is None:
        return np.ones((rows, 1), dtype=np.float32)
    place = np.asarray(embeddings, dtype=np.float32)
    if place.ndim != 2 or len(place) != rows or not np.isfinite(place).all():
        raise DataError(
            "embeddings must be one finite vector per row",
            where={"rows": rows, "shape": place.shape},
            next_step="give the embeddings of the same rows as the probabilities",
        )
    return np.asarray(place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), _TINY), dtype=np.float32)


def _checked(probabilities: NDArray[np.floating]) -> FloatArray:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] < 2:
        raise DataError(
            "probabilities must be rows x classes with two classes at least",
            where={"shape": p.shape},
            next_step="give one column per class; for a binary model both",
        )
    if not np.isfinite(p).all() or (p < 0).any() or (np.abs(p.sum(axis=1) - 1.0) > 1e-3).any():
        raise DataError(
            "probabilities must be finite, not negative and sum to 1",
            where={"rows": len(p)},
            next_step="give calibrated probabilities, not scores",
        )
    return p
