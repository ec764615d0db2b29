"""Probabilities made true: how a calibration is applied; offline and in the service the same lines.

A calibration is plain JSON: ``{"method": "none"}``, ``{"method": "platt", "a", "b"}`` for ``sigmoid(a logit(p) + b)``,
``{"method": "isotonic", "x", "y"}`` for a line through knots, ``{"method": "temperature", "t"}`` for the softmax of
``log(p) / t`` (multiclass), ``{"method": "top_label", "a", "b"}`` for Platt's line on the most probable class, the
others sharing the rest as before (multiclass), or ``{"method": "per_label", "labels": [...]}`` with one of the others
for each column (several labels per row).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Calibration = Mapping[str, Any]

NONE: Calibration = {"method": "none"}
EDGE = 1e-7  # probabilities are kept this far from 0 and 1 before a logit


def logit(p: NDArray[Any]) -> FloatArray:
    """Log-odds of probabilities, which are first kept ``EDGE`` away from 0 and 1."""
    inside = np.clip(np.asarray(p, dtype=np.float64), EDGE, 1.0 - EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def sigmoid(x: NDArray[Any]) -> FloatArray:
    """Inverse of the logit, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=np.float64))))


def softmax(x: NDArray[Any]) -> FloatArray:
    """Over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def apply(calibration: Calibration, p: FloatArray) -> FloatArray:
    """Calibrated probabilities of the same shape.

    Raises:
        ValueError: a method that this code does not know.
    """
    method = calibration["method"]
    if method == "none":
        return p
    if method == "platt":
        return sigmoid(float(calibration["a"]) * logit(p) + float(calibration["b"]))
    if method == "isotonic":
        return np.asarray(np.interp(p, calibration["x"], calibration["y"]))
    if method == "temperature":
        return softmax(np.log(np.clip(p, EDGE, 1.0)) / float(calibration["t"]))
    if method == "top_label":
        return _top_label(float(calibration["a"]), float(calibration["b"]), p)
    if method == "per_label":
        return np.column_stack([apply(one, p[:, label]) for label, one in enumerate(calibration["labels"])])
    raise ValueError(f"unknown calibration method {method!r}")


def _top_label(a: float, b: float, p: FloatArray) -> FloatArray:
    """The most probable class gets ``sigmoid(a logit(p) + b)`` but stays the most probable one; ``[n, k]``."""
    row, top = np.arange(len(p)), np.argmax(p, axis=1)
    best = p[row, top]
    rest = p.copy()
    rest[row, top] = 0.0
    total = np.maximum(rest.sum(axis=1), 1e-300)
    share = rest.max(axis=1) / total  # of the rest, what the second class has
    told = np.maximum(sigmoid(a * logit(best) + b), share / (1.0 + share))
    answer = rest * ((1.0 - told) / total)[:, None]
    answer[row, top] = told
    return np.asarray(answer / answer.sum(axis=1, keepdims=True))
