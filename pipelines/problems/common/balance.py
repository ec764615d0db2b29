"""What a train row counts for when classes are of unequal size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.problems.common.identity import row_keys, unit_hash
from pipelines.problems.common.splits import moments

if TYPE_CHECKING:
    import pandas as pd


def training_weights(
    frame: pd.DataFrame, y: NDArray[Any], side: NDArray[np.str_], product: Product
) -> NDArray[np.float64]:
    """Weight of each row, float64 ``[n]``; 1 outside the train side and without a strategy.

    ``weights``: a train row counts ``n / (classes * rows of its class)``. ``undersample``: the larger classes lose
    rows, by salted hash of the row's id, down to the smallest one; a lost row has weight 0 and is not trained on.
    Times what ``half_life`` makes of it (:func:`recency_weights`).
    """
    return balanced_weights(frame, y, side, product) * recency_weights(frame, side, product)


def recency_weights(frame: pd.DataFrame, side: NDArray[np.str_], product: Product) -> NDArray[np.float64]:
    """What a row counts for by its age: half as much every ``prepare.half_life`` rows back from the newest row that is
    not a test row, float64 ``[n]``; 1 without a half-life and for test rows. Age goes by ``columns.time``, and by the
    rows' order where there is none."""
    weight = np.ones(len(frame))
    half_life, time = product.prepare.half_life, product.columns.time
    if half_life is None:
        return weight
    known = np.flatnonzero(side != "test")
    order = np.arange(len(known)) if time is None else np.argsort(moments(frame[time])[known], kind="stable")
    age = np.empty(len(known))
    age[order] = np.arange(len(known))[::-1]
    weight[known] = 0.5 ** (age / half_life)
    return weight


def balanced_weights(
    frame: pd.DataFrame, y: NDArray[Any], side: NDArray[np.str_], product: Product
) -> NDArray[np.float64]:
    """What a row counts for by its class; see :func:`training_weights`."""
    weight = np.ones(len(y))
    strategy = product.prepare.balance
    if strategy == "none" or product.columns.task == "regression":
        return weight
    train = np.flatnonzero(side == "train")
    count = np.bincount(y[train])
    if strategy == "weights":
        weight[train] = len(train) / (len(count) * count[y[train]])
        return weight
    place = unit_hash(row_keys(frame, product.columns), f"{product.prepare.split.salt}/undersample")
    smallest = int(count.min())
    for index in range(len(count)):
        members = train[y[train] == index]
        weight[members[np.argsort(place[members], kind="stable")[smallest:]]] = 0.0
    return weight
