"""The bins of the piecewise-linear encoding, from the training rows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.models.tabm.net import PiecewiseLinear


def fit_bins(layer: PiecewiseLinear, numeric: NDArray[np.float32]) -> None:
    """Set the layer's bins to quantiles of each column.

    Equal quantiles are merged, so a column of few values has a bin per step between values; a column with one value
    or none is encoded as zeros.

    Args:
        layer: its buffers are ``[p, bins]``.
        numeric: training rows ``[n, p]``, NaN where missing.
    """
    columns, bins = layer.start.shape
    start, slope = np.zeros((columns, bins)), np.zeros((columns, bins))
    low, high = np.zeros((columns, bins)), np.zeros((columns, bins))
    for j in range(columns):
        known = numeric[:, j][~np.isnan(numeric[:, j])].astype(np.float64)
        if not known.size:
            continue
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1), method="lower"))
        used = len(edges) - 1
        if used < 1:
            continue
        start[j, :used] = edges[:-1]
        slope[j, :used] = 1.0 / np.diff(edges)
        high[j, :used] = 1.0
        low[j, 0], high[j, used - 1] = -1.0, 2.0
    for name, value in (("start", start), ("slope", slope), ("low", low), ("high", high)):
        getattr(layer, name).copy_(torch.from_numpy(value.astype(np.float32)))
