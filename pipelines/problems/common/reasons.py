"""What spoke for and against one row's answer: contributions of features, strongest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design

FloatArray = NDArray[np.float64]

OCCLUSION_CELLS = 1 << 21  # numbers of one batch of altered rows


@dataclass(frozen=True)
class Reason:
    """One feature's part in one answer.

    Attributes:
        feature: its name.
        value: what the row has there: a number, a category's name, or None (missing or never seen).
        contribution: how far it moves the raw score (log-odds; regression: the value) from the reference.
    """

    feature: str
    value: float | str | None
    contribution: float

    def to_json(self) -> dict[str, Any]:
        return {"feature": self.feature, "value": self.value, "contribution": round(self.contribution, 6)}


def names_of(design: Design) -> tuple[str, ...]:
    """Feature names in the order of contributions: numeric, then categorical."""
    return (*design.numeric_names, *design.categorical_names)


def strongest(
    design: Design, contributions: FloatArray, categories: Mapping[str, Sequence[str]], top: int
) -> list[list[Reason]]:
    """Per row the ``top`` features by size of contribution; those that contribute nothing are left out.

    Args:
        design: ``n`` rows.
        contributions: ``[n, p + q]``.
        categories: categorical column -> values; code ``i + 1`` is the i-th.
        top: reasons per row at most.
    """
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :top]
    names, width = names_of(design), len(design.numeric_names)
    rows: list[list[Reason]] = []
    for i, places in enumerate(order.tolist()):
        reasons = []
        for place in places:
            if contributions[i, place] == 0.0:
                break
            name = names[place]
            if place < width:
                value = _number(design.numeric[i, place])
            else:
                code = int(design.categorical[i, place - width])
                value = categories[name][code - 1] if code else None
            reasons.append(Reason(name, value, float(contributions[i, place])))
        rows.append(reasons)
    return rows


def _number(value: np.float32) -> float | str | None:
    number = float(f"{float(value):.7g}")  # float32 holds no more
    return None if np.isnan(number) else number


def reference_design(row: Mapping[str, Sequence[Any]], like: Design) -> Design:
    """The usual row of ``choice.json`` (``reference``) as a design of one row, with the columns of ``like``."""
    numeric = [np.nan if value is None else value for value in row["numeric"]]
    return Design(
        np.array([numeric], dtype=np.float32).reshape(1, len(like.numeric_names)),
        np.array([row["categorical"]], dtype=np.int32).reshape(1, len(like.categorical_names)),
        like.numeric_names,
        like.categorical_names,
        like.cardinalities,
    )


def occlusion(design: Design, reference: Design, raw: Callable[[Design], FloatArray]) -> FloatArray:
    """How much the raw score falls when one feature at a time takes the reference row's value, ``[n, p + q]``.

    Args:
        design: ``n`` rows.
        reference: one row: the usual client.
        raw: raw score ``[m]`` of any design.
    """
    n, p, q = len(design), design.numeric.shape[1], design.categorical.shape[1]
    size = max(1, OCCLUSION_CELLS // max(1, (p + q) * (p + q)))
    parts = [
        _occlude(design.take(np.arange(start, min(start + size, n))), reference, raw) for start in range(0, n, size)
    ]
    return np.concatenate(parts) if parts else np.empty((0, p + q))


def _occlude(design: Design, reference: Design, raw: Callable[[Design], FloatArray]) -> FloatArray:
    n, p, q = len(design), design.numeric.shape[1], design.categorical.shape[1]
    numeric = np.repeat(design.numeric[:, None, :], p + q, axis=1)
    categorical = np.repeat(design.categorical[:, None, :], p + q, axis=1)
    for j in range(p):
        numeric[:, j, j] = reference.numeric[0, j]
    for j in range(q):
        categorical[:, p + j, j] = reference.categorical[0, j]
    altered = Design(
        numeric.reshape(n * (p + q), p),
        categorical.reshape(n * (p + q), q),
        design.numeric_names,
        design.categorical_names,
        design.cardinalities,
    )
    return raw(design)[:, None] - raw(altered).reshape(n, p + q)
