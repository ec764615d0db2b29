"""Calibrations fitted and chosen; applied by :mod:`pipelines.metrics.calibration`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics.calibration import EDGE, NONE, Calibration, FloatArray, apply, logit, sigmoid, softmax
from pipelines.metrics.judges import log_losses

FOLDS = 5
MIN_ISOTONIC_ROWS = 1000  # below, isotonic regression follows noise (Niculescu-Mizil and Caruana, 2005)
GUARDED = ("isotonic", "top_label")  # taken only from so many rows on, and beyond one standard error
Fit = Callable[[NDArray[Any], FloatArray], Calibration]


def fit_platt(y: NDArray[Any], p: FloatArray) -> Calibration:
    """Slope and shift of the log-odds by maximum likelihood (Platt, 1999, with his smoothed targets).

    Newton's method with halved steps; ``y`` ``[n]`` is 0/1, ``p`` ``[n]`` probabilities.
    """
    x = logit(p)
    positives = float(np.sum(y))
    negatives = len(y) - positives
    target = np.where(np.asarray(y) == 1, (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0))
    design = np.column_stack([x, np.ones_like(x)])

    def loss(theta: FloatArray) -> float:
        z = design @ theta
        return float(np.sum(np.logaddexp(0.0, z) - target * z))

    theta = np.array([1.0, 0.0])
    current = loss(theta)
    for _ in range(100):
        q = sigmoid(design @ theta)
        gradient = design.T @ (q - target)
        hessian = design.T @ (design * (q * (1.0 - q))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while loss(theta - size * step) > current and size > 1e-6:
            size /= 2.0
        theta = theta - size * step
        before, current = current, loss(theta)
        if before - current < 1e-10 * max(1.0, abs(current)):
            break
    return {"method": "platt", "a": float(theta[0]), "b": float(theta[1])}


def fit_isotonic(y: NDArray[Any], p: FloatArray) -> Calibration:
    """The rising step function nearest in squares to the outcomes, kept as its knots.

    Values stay half an observation away from 0 and 1, so that no outcome is called impossible.
    """
    from scipy.optimize import isotonic_regression

    x, position, counts = np.unique(np.asarray(p, dtype=np.float64), return_inverse=True, return_counts=True)
    mean = np.bincount(position, weights=np.asarray(y, dtype=np.float64)) / counts
    level = np.asarray(isotonic_regression(mean, weights=counts.astype(np.float64)).x)
    edge = 0.5 / (len(p) + 1.0)
    level = np.clip(level, edge, 1.0 - edge)
    flat = np.append(False, level[1:] == level[:-1])
    inner = flat & np.append(flat[1:], False)  # a knot between two equal neighbours says nothing
    return {"method": "isotonic", "x": x[~inner].tolist(), "y": level[~inner].tolist()}


def fit_temperature(y: NDArray[Any], p: FloatArray) -> Calibration:
    """One temperature for all classes by maximum likelihood (Guo et al., 2017); ``p`` ``[n, k]``."""
    from scipy.optimize import minimize_scalar

    logs = np.log(np.clip(p, EDGE, 1.0))

    def loss(log_t: float) -> float:
        return float(np.mean(log_losses(y, softmax(logs / np.exp(log_t)))))

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-6})
    return {"method": "temperature", "t": float(np.exp(found.x))}


def fit_top_label(y: NDArray[Any], p: FloatArray) -> Calibration:
    """Platt's slope and shift of the most probable class's log-odds, for probabilities ``[n, k]`` (the top-label
    calibration of Gupta and Ramdas, 2022, with a line in place of bins)."""
    line = fit_platt((np.argmax(p, axis=1) == y).astype(np.int64), p.max(axis=1))
    return {"method": "top_label", "a": line["a"], "b": line["b"]}


def fit_slope(y: NDArray[Any], margins: FloatArray) -> float:
    """What margins are divided by to be the log-odds of 0/1 outcomes, both ``[n]``, by maximum likelihood."""
    from scipy.optimize import minimize_scalar

    spread = float(np.std(margins)) or 1.0
    sign = 2.0 * np.asarray(y, dtype=np.float64) - 1.0

    def loss(log_t: float) -> float:
        return float(np.mean(np.logaddexp(0.0, -sign * margins / (spread * np.exp(log_t)))))

    found = minimize_scalar(loss, bounds=(-6.0, 6.0), method="bounded", options={"xatol": 1e-6})
    return spread * float(np.exp(found.x))


def choose(y: NDArray[Any], p: FloatArray, method: str = "auto") -> tuple[Calibration, dict[str, float]]:
    """Fit the asked method, or choose one by cross-fitted log loss.

    ``auto`` goes from the simplest to the most flexible (none, Platt, isotonic; none, temperature, the top
    class alone for several classes). One or two parameters are taken where the loss falls; isotonic and the top class
    alone only where the mean gain is above one standard error of the rows' gains.

    Args:
        y: outcomes 0/1 or class indices ``[n]``.
        p: probabilities ``[n]`` or ``[n, k]`` of the same rows, made without them.
        method: ``auto``, ``none``, ``platt`` (several classes: a temperature) or ``isotonic`` (binary only).

    Returns:
        The calibration, and the cross-fitted log loss of each method that was compared.
    """
    several = p.ndim == 2
    fits: dict[str, Fit] = (
        {"temperature": fit_temperature, "top_label": fit_top_label}
        if several
        else {"platt": fit_platt, "isotonic": fit_isotonic}
    )
    if method == "none":
        return NONE, {}
    if method != "auto":
        return fits["temperature" if several else method](y, p), {}
    if len(p) < MIN_ISOTONIC_ROWS:
        for name in GUARDED:
            fits.pop(name, None)
    chosen, best = "none", log_losses(y, p)
    losses = {"none": float(np.mean(best))}
    for name, fit in fits.items():
        loss = log_losses(y, _cross_fitted(y, p, fit))
        losses[name] = float(np.mean(loss))
        gain = best - loss
        if np.mean(gain) > (np.std(gain) / np.sqrt(len(gain)) if name in GUARDED else 0.0):
            chosen, best = name, loss
    return (NONE if chosen == "none" else fits[chosen](y, p)), losses


def _cross_fitted(y: NDArray[Any], p: FloatArray, fit: Fit) -> FloatArray:
    """Each fold calibrated by a fit on the others.

    Folds are drawn at random: folds balanced by score or outcome would be too much alike, and every fit would look
    as good on the fold it has not seen as on its own.
    """
    fold = np.random.Generator(np.random.PCG64(0)).permutation(len(p)) % FOLDS
    answer = np.empty_like(p)
    for k in range(FOLDS):
        inside = fold == k
        if inside.any():
            answer[inside] = apply(fit(y[~inside], p[~inside]), p[inside])
    return answer
