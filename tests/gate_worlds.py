"""Pairs of simulated models whose true difference is known, and what the gate's own decision says of each pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.operations import Release
from pipelines.metrics.judges import BinaryJudge
from pipelines.release.deciding import Meeting, Rule, decide
from pipelines.verdicts import Check

POSITIVES = 0.22
CHAMPION_AUC = 0.77
SHARED = 0.9  # correlation of the two models' noise: they saw mostly the same rows


@dataclass(frozen=True)
class World:
    """One simulated comparison.

    Attributes:
        rows: test rows.
        gain: true difference in ROC AUC, challenger minus champion.
        slice_rows: rows of one slice, 0: none.
        slice_gain: true difference there.
    """

    rows: int
    gain: float = 0.0
    slice_rows: int = 0
    slice_gain: float = 0.0


def separation(auc: float) -> float:
    """Distance of two unit normals whose ROC AUC is ``auc``: ``sqrt(2) * probit(auc)``."""
    from statistics import NormalDist

    return float(np.sqrt(2.0) * NormalDist().inv_cdf(auc))


def checks_of(
    world: World, release: Release, rule: Rule, seed: int, resamples: int = 400, confidence: float = 0.95
) -> dict[str, Check]:
    """The gate's checks of one simulated pair, by name."""
    rng = np.random.default_rng(seed)
    y = (rng.random(world.rows) < POSITIVES).astype(np.int64)
    inside = np.arange(world.rows) < world.slice_rows
    common = rng.normal(size=world.rows)
    champion = separation(CHAMPION_AUC) * y + _noise(rng, common)
    gain = np.where(inside, separation(CHAMPION_AUC + world.slice_gain), separation(CHAMPION_AUC + world.gain))
    challenger = gain * y + _noise(rng, common)
    judges = [BinaryJudge(y, 1.0 / (1.0 + np.exp(-score)), ["roc_auc"]) for score in (challenger, champion)]
    groups = {"S=a": inside} if world.slice_rows else {}
    found = decide(Meeting("roc_auc", judges[0], judges[1], groups), release, rule, resamples, confidence)
    return {check.name: check for check in found}


def _noise(rng: np.random.Generator, common: NDArray[np.float64]) -> NDArray[np.float64]:
    own = rng.normal(size=len(common))
    return np.asarray(np.sqrt(SHARED) * common + np.sqrt(1.0 - SHARED) * own)


def binomial_interval(hits: int, of: int, confidence: float = 0.99) -> tuple[float, float]:
    """Clopper and Pearson's exact interval of a rate."""
    from scipy.stats import beta

    tail = (1.0 - confidence) / 2.0
    low = beta.ppf(tail, hits, of - hits + 1) if hits else 0.0
    high = beta.ppf(1.0 - tail, hits + 1, of - hits) if hits < of else 1.0
    return float(low), float(high)
