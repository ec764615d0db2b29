"""Fixed-size summaries of one reference column, from which a later window is judged without the reference rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CLUSTERS = 512
CATEGORIES = 1000
SMALLEST_NORM = 0.001
"""Floor of the standard deviation by which a distance is normed, as in Evidently."""


@dataclass(frozen=True)
class NumericSketch:
    """The finite values of a column as at most ``CLUSTERS`` weighted points.

    ``means``, ``edges`` (float64 ``[k]``, ascending) and ``counts`` (int64 ``[k]``) hold each cluster's mean, its
    largest value and its rows: the distribution function is exact at every edge. ``low`` is the smallest value.
    ``bound`` is the largest error, in units of ``norm``, that replacing values by cluster means can put into a
    Wasserstein distance; 0 when the column had no more distinct values than clusters.
    """

    rows: int
    missing: int
    distinct: int
    std: float
    low: float
    means: FloatArray
    edges: FloatArray
    counts: IntArray
    bound: float

    @property
    def present(self) -> int:
        """Rows with a finite value."""
        return self.rows - self.missing

    @property
    def norm(self) -> float:
        return max(self.std, SMALLEST_NORM)

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON values; numbers keep full precision."""
        return {
            "kind": "numeric",
            "rows": self.rows,
            "missing": self.missing,
            "distinct": self.distinct,
            "std": self.std,
            "low": self.low,
            "means": self.means.tolist(),
            "edges": self.edges.tolist(),
            "counts": self.counts.tolist(),
            "bound": self.bound,
        }


@dataclass(frozen=True)
class CategorySketch:
    """The categories of a column: the ``CATEGORIES`` most frequent by name, the others as one tail.

    ``seen_once`` counts categories with a single row: by Good and Turing their share of the rows estimates how
    much of a new window falls into categories that were never seen.
    """

    rows: int
    missing: int
    distinct: int
    seen_once: int
    counts: Mapping[str, int] = field(default_factory=dict)
    tail: int = 0

    @property
    def present(self) -> int:
        """Rows with a category."""
        return self.rows - self.missing

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON values."""
        return {
            "kind": "category",
            "rows": self.rows,
            "missing": self.missing,
            "distinct": self.distinct,
            "seen_once": self.seen_once,
            "counts": dict(self.counts),
            "tail": self.tail,
        }


Sketch = NumericSketch | CategorySketch


def sketch_numeric(values: FloatArray, clusters: int | None = CLUSTERS) -> NumericSketch:
    """Summarise float64 ``[n]``; NaN and infinity count as missing.

    Clusters follow the arcsine scale of the t-digest (Dunning and Ertl, arXiv 1902.04023, scale k1): fine in the
    tails, where one cluster spans a wide range. ``clusters=None`` keeps every distinct value.
    """
    rows = int(values.size)
    finite = np.sort(values[np.isfinite(values)])
    if finite.size == 0:
        nothing = np.empty(0)
        return NumericSketch(rows, rows, 0, 0.0, 0.0, nothing, nothing, np.empty(0, dtype=np.int64), 0.0)
    distinct, counts = _runs(finite)
    std = float(np.std(finite))
    norm = max(std, SMALLEST_NORM)
    means, edges, bound = distinct, distinct, 0.0
    if clusters is not None and distinct.size > clusters:
        middle = (np.cumsum(counts) - counts / 2) / finite.size
        cluster = np.floor(clusters * (0.5 + np.arcsin(2 * middle - 1) / np.pi)).astype(np.int64)
        starts = np.flatnonzero(np.diff(cluster, prepend=-1))
        weights = np.add.reduceat(counts, starts)
        means = np.add.reduceat(distinct * counts, starts) / weights
        edges = distinct[np.append(starts[1:], distinct.size) - 1]
        spread = np.abs(distinct - np.repeat(means, np.diff(np.append(starts, distinct.size))))
        bound = float(np.sum(spread * counts) / finite.size / norm)
        counts = weights
    return NumericSketch(
        rows=rows,
        missing=rows - int(finite.size),
        distinct=int(distinct.size),
        std=std,
        low=float(finite[0]),
        means=means,
        edges=edges,
        counts=counts,
        bound=bound,
    )


def sketch_categories(counts: Mapping[str, int], missing: int, categories: int = CATEGORIES) -> CategorySketch:
    """Summarise category counts; ``missing`` rows have no category."""
    kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    present = sum(counts.values())
    top = dict(sorted(kept[:categories]))
    return CategorySketch(
        rows=present + missing,
        missing=missing,
        distinct=len(kept),
        seen_once=sum(1 for _, count in kept if count == 1),
        counts=top,
        tail=present - sum(top.values()),
    )


def read_sketch(content: Mapping[str, Any]) -> Sketch:
    """The inverse of ``to_json``. Raises ``ValueError`` for an unknown kind, ``KeyError`` for a missing field."""
    fields = {key: value for key, value in content.items() if key != "kind"}
    if content["kind"] == "category":
        return CategorySketch(**fields)
    if content["kind"] != "numeric":
        raise ValueError(f"unknown kind of sketch: {content['kind']!r}")
    for name in ("means", "edges"):
        fields[name] = np.asarray(fields[name], dtype=np.float64)
    fields["counts"] = np.asarray(fields["counts"], dtype=np.int64)
    return NumericSketch(**fields)


def _runs(ordered: FloatArray) -> tuple[FloatArray, IntArray]:
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return ordered[starts], np.diff(np.append(starts, ordered.size)).astype(np.int64)
