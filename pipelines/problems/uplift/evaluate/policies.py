"""What the recommended offers gain, beside what could be done without a model."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics.intervals import Difference, Estimate, percentile_interval, replicates
from pipelines.metrics.uplift import PolicyJudge, Stakes, Together

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KEY, OWN = "policy_value", "recommended"


@dataclass(frozen=True)
class Compared:
    """One policy on the test rows.

    Attributes:
        name: ``recommended``, ``everyone <arm>``, ``response ranking`` or ``no one``.
        contacted: share of customers contacted.
        value: gain per customer over contacting nobody.
        ahead: recommended less this one; None for the recommended itself.
    """

    name: str
    contacted: float
    value: Estimate
    ahead: Difference | None


def simple_policies(names: list[str], rows: int, best: int, response: FloatArray, share: float) -> dict[str, IntArray]:
    """Offers without an uplift model, ``{name: [n]}``.

    Args:
        names: the offers.
        rows: customers.
        best: number of the offer with the highest average gain, as known before the test rows.
        response: expected outcome of a customer who gets it ``[n]``: what a response model would rank by.
        share: share of customers that the recommended policy contacts; the response ranking contacts as many.
    """
    found = {"no one": np.zeros(rows, dtype=np.int64)}
    for place, name in enumerate(names, start=1):
        found[f"everyone {name}"] = np.full(rows, place, dtype=np.int64)
    top = np.zeros(rows, dtype=np.int64)
    top[np.argsort(-response, kind="stable")[: round(share * rows)]] = best
    return found | {"response ranking": top}


def compare(
    y: NDArray[Any], arm: IntArray, offer: IntArray, others: dict[str, IntArray], stakes: Stakes, resamples: int,
    confidence: float,
) -> list[Compared]:  # fmt: skip
    """The recommended offers and every other policy on the same rows and draws."""
    policies = {OWN: offer, **others}
    judge = Together({f":{name}": PolicyJudge(y, arm, given, stakes) for name, given in policies.items()})
    point = {name: float(value[0]) for name, value in judge.measure(np.ones((1, judge.n))).items()}
    drawn = replicates(judge, resamples)
    own, own_drawn = point[f"{KEY}:{OWN}"], drawn[f"{KEY}:{OWN}"]
    found = []
    for name, given in policies.items():
        value, values = point[f"{KEY}:{name}"], drawn[f"{KEY}:{name}"]
        ahead = None
        if name != OWN:
            gap = own_drawn - values
            ahead = Difference(own - value, *percentile_interval(gap, confidence), float(np.mean(gap <= 0.0)))
        estimate = Estimate(value, *percentile_interval(values, confidence))
        found.append(Compared(name, float((given > 0).mean()), estimate, ahead))
    return found


def robust_value(scores: FloatArray, offer: IntArray, stakes: Stakes, confidence: float) -> Estimate:
    """The doubly robust estimate of the policy's gain per customer, with a normal interval.

    Args:
        scores: doubly robust scores of each arm ``[n, k]`` (:func:`pipelines.metrics.uplift_effects.robust_scores`).
        offer: the policy's offers ``[n]``.
    """
    gain = stakes.value * scores - np.asarray(stakes.costs)
    row = np.where(offer > 0, gain[np.arange(len(gain)), np.maximum(offer, 1) - 1], 0.0)
    half = NormalDist().inv_cdf(0.5 + confidence / 2.0) * float(row.std() / np.sqrt(len(row)))
    return Estimate(float(row.mean()), float(row.mean()) - half, float(row.mean()) + half)
