"""Who gets which offer for a budget: an assignment with few coupling constraints, solved to its linear bound.

Maximise the sum of ``value x uplift - cost`` over the offers made, one per customer at most, within the budget, the
contact limits of segments and the least and most contacts of offers. The linear programme has one row per customer and
a handful that couple them. Prices of those from a sample leave few customers contested (two choices nearly as good);
only these enter the programme that HiGHS solves (scipy), the others take their best choice. Should the new prices make
another choice better for any of them, they enter too and it is solved again: when none is left, the solution is optimal
for all (complementary slackness). Of the optimal solution at most as many customers are divided as there are coupling
rows; a small integer programme settles them, and the distance to the linear bound is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SAMPLE = 2_000
CONTESTED = 2_000  # customers of the first programme at least
SETTLED = 60  # contested customers that the integer programme may change besides the divided ones
EXACT = 400  # customers up to which everything is one integer programme
TINY = 1e-9
SECONDS = 5.0  # of the integer programme


@dataclass(frozen=True)
class Limits:
    """What couples the customers.

    Attributes:
        budget: sum of all contact costs at most.
        costs: of one contact, per offer ``[k]``.
        segment: number of each customer's segment ``[n]``, -1 for none.
        segment_limits: segment's number -> contacts at most.
        least: offer's place -> contacts at least.
        most: offer's place -> contacts at most.
    """

    budget: float
    costs: FloatArray
    segment: IntArray
    segment_limits: dict[int, int] = field(default_factory=dict)
    least: dict[int, int] = field(default_factory=dict)
    most: dict[int, int] = field(default_factory=dict)

    def rows(self) -> list[tuple[str, int]]:
        """Names of the coupling rows, in order."""
        return [
            ("budget", 0),
            *(("segment", s) for s in sorted(self.segment_limits)),
            *(("least", a) for a in sorted(self.least)),
            *(("most", a) for a in sorted(self.most)),
        ]

    def bounds(self) -> FloatArray:
        """Right-hand side of ``use <= bound`` per coupling row."""
        value = {"segment": self.segment_limits, "most": self.most}
        return np.array(
            [
                self.budget if kind == "budget" else -self.least[at] if kind == "least" else value[kind][at]
                for kind, at in self.rows()
            ],
            dtype=np.float64,
        )

    def use(self, customers: IntArray) -> FloatArray:
        """What one contact of a customer by an offer takes of each coupling row, ``[m, k, rows]``."""
        m, k = len(customers), len(self.costs)
        found = np.zeros((m, k, len(self.rows())))
        for at, (kind, number) in enumerate(self.rows()):
            if kind == "budget":
                found[:, :, at] = self.costs
            elif kind == "segment":
                found[:, :, at] = (self.segment[customers] == number)[:, None]
            else:
                found[:, number, at] = -1.0 if kind == "least" else 1.0
        return found


@dataclass(frozen=True)
class Plan:
    """A plan and how good it is.

    Attributes:
        offer: the offer of each customer, 0 for none, else its place from 1, ``[n]``.
        net: sum of ``value x uplift - cost``.
        bound: no plan has more.
        prices: what one unit more of each coupling row would add, per name of :meth:`Limits.rows`.
        rounds: linear programmes solved for all customers to agree.
    """

    offer: IntArray
    net: float
    bound: float
    prices: dict[tuple[str, int], float]
    rounds: int


def optimise(net: FloatArray, limits: Limits) -> Plan:
    """The best plan.

    Args:
        net: ``value x uplift - cost`` of each offer, ``[n, k]``.
        limits: the coupling constraints; :func:`require_feasible` has passed.
    """
    n = len(net)
    bounds = limits.bounds()
    if n <= EXACT:
        everyone = np.arange(n)
        relaxed = _linear(net, limits.use(everyone), bounds)
        if relaxed is None:
            raise _unsolved()
        _, prices, bound = relaxed
        offer = _integer(net, limits.use(everyone), bounds)
        if offer is None:
            raise _unsolved()
        return _plan(net, offer, bound, prices, limits, 1)
    prices = _sample_prices(net, limits, bounds)
    use = limits.use(np.arange(n))
    size, added = max(CONTESTED, n // 50), np.zeros(n, dtype=bool)
    for rounds in range(1, 40):
        choice, margin = _best(net, use, prices)
        contested = added.copy()
        contested[np.argpartition(margin, min(size, n - 1))[:size]] = True
        inside, outside = np.flatnonzero(contested), np.flatnonzero(~contested)
        left = bounds - _taken(use, outside, choice)
        solved = _linear(net[inside], use[inside], left)
        if solved is None:
            size = min(n, size * 3)
            continue
        parts, found, value = solved
        wrong = outside[_worse(net[outside], use[outside], found, choice[outside])]
        added |= contested
        added[wrong] = True
        prices = found
        if not len(wrong):
            bound = value + float(_gains(net, outside, choice).sum())
            offer = _settle(net, use, bounds, inside, parts, choice, prices)
            return _plan(net, offer, bound, prices, limits, rounds)
    raise _unsolved()


def require_feasible(limits: Limits, n: int, offers: list[str], segments: list[str]) -> None:
    """Any customer may get any offer at its cost, so these sums decide whether a plan exists at all.

    Raises:
        DataError: names the constraint that cannot be kept, and why.
    """
    sizes = np.bincount(limits.segment[limits.segment >= 0], minlength=len(segments) or 1)
    reach = n - sum(max(0, int(sizes[s]) - limit) for s, limit in limits.segment_limits.items())
    wanted = sum(limits.least.values())
    for at, least in limits.least.items():
        if at in limits.most and least > limits.most[at]:
            raise _infeasible(
                f"minimum of {offers[at]}: at least {least} contacts, at most {limits.most[at]}", "change one of them"
            )
    if wanted > reach:
        named = ", ".join(f"{offers[at]} {least}" for at, least in limits.least.items())
        cause = "the segment limits leave" if limits.segment_limits else "there are"
        raise _infeasible(
            f"minimum ({named}): {wanted} contacts are asked for, {cause} {reach} customers",
            "ask for fewer contacts, or raise the segment limits",
        )
    spent = sum(least * float(limits.costs[at]) for at, least in limits.least.items())
    if spent > limits.budget * (1 + TINY):
        raise _infeasible(
            f"budget: the minimum contacts alone cost {spent:g}, the budget is {limits.budget:g}",
            "raise the budget, or ask for fewer contacts",
        )


def _infeasible(what: str, next_step: str) -> DataError:
    return DataError(f"no plan keeps the constraint {what}", next_step=next_step)


def _unsolved() -> DataError:
    return DataError(
        "HiGHS found no plan within its limits", next_step="loosen a constraint, or split the customers into two plans"
    )


def _plan(net: FloatArray, offer: IntArray, bound: float, prices: FloatArray, limits: Limits, rounds: int) -> Plan:
    value = float(_gains(net, np.arange(len(net)), offer).sum())
    named = dict(zip(limits.rows(), prices.tolist(), strict=True))
    return Plan(offer, value, max(bound, value), named, rounds)


def _gains(net: FloatArray, rows: IntArray, choice: IntArray) -> FloatArray:
    picked = choice[rows]
    return np.where(picked > 0, net[rows, np.maximum(picked, 1) - 1], 0.0)


def _taken(use: FloatArray, rows: IntArray, choice: IntArray) -> FloatArray:
    contacted = rows[choice[rows] > 0]
    return np.asarray(use[contacted, choice[contacted] - 1].sum(axis=0))


def _reduced(net: FloatArray, use: FloatArray, prices: FloatArray) -> FloatArray:
    """Gain of each choice less the price of what it takes; the first column is no contact."""
    priced = net - use @ prices
    return np.hstack([np.zeros((len(net), 1)), priced])


def _best(net: FloatArray, use: FloatArray, prices: FloatArray) -> tuple[IntArray, FloatArray]:
    reduced = _reduced(net, use, prices)
    top = np.partition(reduced, -2, axis=1)[:, -2:]
    return np.argmax(reduced, axis=1).astype(np.int64), np.asarray(top[:, 1] - top[:, 0])


def _worse(net: FloatArray, use: FloatArray, prices: FloatArray, choice: IntArray) -> NDArray[np.bool_]:
    reduced = _reduced(net, use, prices)
    scale = TINY * (1.0 + np.abs(reduced).max(initial=0.0))
    return np.asarray(reduced[np.arange(len(net)), choice] < reduced.max(axis=1) - scale)


def _matrices(net: FloatArray, use: FloatArray, bounds: FloatArray) -> tuple[Any, FloatArray, FloatArray]:
    from scipy.sparse import csr_matrix, vstack

    m, k = net.shape
    place = np.arange(m * k)
    own = csr_matrix((np.ones(m * k), (place // k, place)), shape=(m, m * k))
    coupled = csr_matrix(use.reshape(m * k, -1).T)
    return vstack([own, coupled], format="csr"), np.concatenate([np.ones(m), bounds]), -net.reshape(-1)


def _linear(net: FloatArray, use: FloatArray, bounds: FloatArray) -> tuple[FloatArray, FloatArray, float] | None:
    """Parts ``[m, k]``, prices of the coupling rows and the value; None where there is no solution."""
    from scipy.optimize import linprog

    matrix, right, objective = _matrices(net, use, bounds)
    found = linprog(objective, A_ub=matrix, b_ub=right, bounds=(0.0, 1.0), method="highs")
    if found.status != 0:
        return None
    prices = np.maximum(-found.ineqlin.marginals[len(net) :], 0.0)
    return np.asarray(found.x).reshape(net.shape), prices, -float(found.fun)


def _integer(net: FloatArray, use: FloatArray, bounds: FloatArray) -> IntArray | None:
    """Whole choices ``[m]``; None where there is no solution."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    matrix, right, objective = _matrices(net, use, bounds)
    slack = TINY * (1.0 + np.abs(right))
    found = milp(
        objective,
        constraints=LinearConstraint(matrix, -np.inf, right + slack),
        integrality=np.ones(len(objective)),
        bounds=Bounds(0, 1),
        options={"time_limit": SECONDS, "mip_rel_gap": 1e-9},
    )
    if found.x is None:
        return None
    whole = np.round(found.x).reshape(net.shape) > 0.5
    return np.where(whole.any(axis=1), np.argmax(whole, axis=1) + 1, 0).astype(np.int64)


def _sample_prices(net: FloatArray, limits: Limits, bounds: FloatArray) -> FloatArray:
    rows = np.random.Generator(np.random.PCG64(0)).choice(len(net), SAMPLE, replace=False)
    solved = _linear(net[rows], limits.use(rows), bounds * (SAMPLE / len(net)))
    return solved[1] if solved is not None else np.zeros(len(bounds))


def _settle(
    net: FloatArray, use: FloatArray, bounds: FloatArray, inside: IntArray, parts: FloatArray, choice: IntArray,
    prices: FloatArray,
) -> IntArray:  # fmt: skip
    """Whole offers for all: divided customers, and those nearest to another choice, by an integer programme."""
    offer = choice.copy()
    whole = np.round(parts)
    divided = np.flatnonzero(np.abs(parts - whole).max(axis=1) > 1e-7)
    offer[inside] = np.where(whole.max(axis=1) > 0.5, np.argmax(parts, axis=1) + 1, 0)
    if not len(divided):
        return offer
    near = inside[np.argsort(_best(net[inside], use[inside], prices)[1], kind="stable")]
    count = SETTLED
    while True:
        free = np.unique(np.concatenate([inside[divided], near[:count]]))
        rest = np.setdiff1d(np.arange(len(net)), free)
        found = _integer(net[free], use[free], bounds - _taken(use, rest, offer))
        if found is not None:
            offer[free] = found
            return offer
        if count >= len(near):
            raise _unsolved()
        count *= 4
