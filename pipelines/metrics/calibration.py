"""Probabilities made true: how a calibration is applied; offline and in the service the same lines.

A calibration is plain JSON: ``{"method": "none"}``, ``{"method": "platt", "a", "b"}`` for ``sigmoid(a logit(p) + b)``,
``{"method": "isotonic", "x", "y"}`` for a line through knots, or ``{"method": "temperature", "t"}`` for the
softmax of ``log(p) / t`` (multiclass).
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
    raise ValueError(f"unknown calibration method {method!r}")
