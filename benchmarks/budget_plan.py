"""What a planned budget brings on customers of a test whom the model has not seen, beside greedy and random.

Hillstrom's test, a T-learner on half of the customers (seeds 0, 1, ...), plans for the other half: a budget for a part
of the contacts, two offers of unequal cost, a limit per area, a minimum per offer. Four ways to spend it:

- ``plan``: the optimiser of ``POST /v1/campaign/plan``.
- ``greedy``: by gain per cost, best first, as long as budget and limits allow; the minimum filled at the end.
- ``response``: by expected visits after a mail, not by uplift; the offer with the higher average effect.
- ``random``: any customer, any offer.

Each is judged on the customers whom chance had put into the arm that the policy gives them, against those whom chance
had left alone: the gain per customer and its 95% bootstrap interval, paired for the differences. Also printed: what the
model itself expects of each way (there greedy cannot be ahead), the distance to the linear bound, and seconds for
100,000 customers.

    NIGHTSHIFT_MIRROR=... python benchmarks/budget_plan.py [--splits 4]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from uplift_quality import FILE, load  # noqa: E402

from pipelines.blocks.models import Profile  # noqa: E402
from pipelines.metrics.intervals import percentile_interval, replicates  # noqa: E402
from pipelines.metrics.uplift import PolicyJudge, Stakes, Together  # noqa: E402
from pipelines.models import uplift_trees  # noqa: E402
from pipelines.models.base import FitSettings  # noqa: E402
from pipelines.serving.plan import Limits, optimise  # noqa: E402

COSTS = np.array([0.03, 0.02])  # in visits: the mail with the larger effect is the dearer one
SHARE = 0.3  # of the customers that the budget reaches at the mean cost
MANY = 100_000


def main() -> None:
    """Print the four ways, split by split and together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=4)
    data, _, _ = load(None)
    area = area_of()
    together: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(parser.parse_args().splits):
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(data.y))
        half = len(order) // 2
        train, held, asked = order[: half * 4 // 5], order[half * 4 // 5 : half], order[half:]
        model = uplift_trees.fit(
            data.take(train), data.take(held), FitSettings(seed, {"learner": "t"}, Profile(threads=1))
        )
        uplift, means = model.uplift(data.design.take(asked)), model.means(data.design.take(asked))
        n = len(asked)
        limits = Limits(
            budget=float(SHARE * n * COSTS.mean()), costs=COSTS, segment=area[asked],
            segment_limits={0: int(0.1 * n)}, least={1: int(0.05 * n)},
        )  # fmt: skip
        net = uplift - COSTS
        plan = optimise(net, limits)
        ways = {
            "plan": plan.offer,
            "greedy": greedy(net / COSTS, limits),
            "response": greedy(_only(means[:, 1:], int(np.argmax(uplift.mean(axis=0)))), limits),
            "random": greedy(np.random.Generator(np.random.PCG64(seed)).random(net.shape), limits),
        }
        expected = {
            name: float(np.where(o > 0, net[np.arange(n), np.maximum(o, 1) - 1], 0).sum()) for name, o in ways.items()
        }
        show(seed, data.y[asked], data.arm[asked], ways, expected, plan.bound - plan.net, together)
    print("\nmean over the splits, gain per customer and what plan is ahead by:")
    for name, values in together.items():
        print(f"  {name:10s} {np.mean([v[0] for v in values]):+.5f}   {np.mean([v[1] for v in values]):+.5f}")
    speed()


def area_of() -> Any:
    """Number of each customer's area."""
    folder = Path(os.environ.get("NIGHTSHIFT_MIRROR", ROOT / ".." / "shared" / "data"))
    return pd.factorize(pd.read_csv(folder / FILE)["zip_code"], sort=True)[0].astype(np.int64)


def _only(values: Any, best: int) -> Any:
    """Only the offer ``best`` may be chosen."""
    found = np.full_like(values, -1e9)
    found[:, best] = values[:, best]
    return found


def greedy(worth: Any, limits: Limits) -> Any:
    """Offers in falling order of ``worth`` ``[n, k]`` as long as they fit; each minimum is set aside first."""
    n, k = worth.shape
    offer, spent = np.zeros(n, dtype=np.int64), 0.0
    used, left = dict.fromkeys(limits.segment_limits, 0), dict(limits.least)
    reserved = sum(count * limits.costs[at] for at, count in left.items())
    for flat in np.argsort(-worth, axis=None, kind="stable"):
        row, at = divmod(int(flat), k)
        if worth[row, at] < 0 and not any(left.values()):
            break
        segment = int(limits.segment[row])
        needed = left.get(at, 0) > 0
        free = limits.budget - spent - (reserved - (limits.costs[at] if needed else 0.0))
        if (
            offer[row]
            or limits.costs[at] > free + 1e-12
            or used.get(segment, 0) >= limits.segment_limits.get(segment, n)
        ):
            continue
        if worth[row, at] < 0 and not needed:
            continue
        offer[row], spent = at + 1, spent + limits.costs[at]
        if segment in used:
            used[segment] += 1
        if needed:
            left[at] -= 1
            reserved -= limits.costs[at]
    return offer


def show(
    seed: int, y: Any, arm: Any, ways: dict[str, Any], expected: dict[str, float], gap: float,
    together: dict[str, list[tuple[float, float, float]]],
) -> None:  # fmt: skip
    """One split."""
    stakes = Stakes(1.0, tuple(COSTS))
    judge = Together({f" {name}": PolicyJudge(y, arm, offer, stakes) for name, offer in ways.items()})
    point = {name: float(value[0]) for name, value in judge.measure(np.ones((1, len(y)))).items()}
    drawn = replicates(judge, 200)
    print(f"\nsplit {seed}: {len(y)} customers; plan below the linear bound by {gap:.2g} visits")
    for name, offer in ways.items():
        key = f"policy_value {name}"
        low, high = percentile_interval(drawn[key])
        ahead = drawn["policy_value plan"] - drawn[key]
        a, b = percentile_interval(ahead)
        contacts = ", ".join(str(int((offer == at + 1).sum())) for at in range(len(COSTS)))
        print(
            f"  {name:9s} contacts {contacts:12s} expected net {expected[name]:8.2f}  gain {point[key]:+.5f}"
            f" [{low:+.5f}, {high:+.5f}]  plan ahead by"
            f" {point['policy_value plan'] - point[key]:+.5f} [{a:+.5f}, {b:+.5f}]"
        )
        together.setdefault(name, []).append((point[key], point["policy_value plan"] - point[key], expected[name]))


def speed() -> None:
    """Seconds for many customers, with every kind of constraint."""
    rng = np.random.Generator(np.random.PCG64(0))
    net = rng.normal(0.05, 0.05, (MANY, 2)) - COSTS
    limits = Limits(
        MANY * 0.008, COSTS, rng.integers(0, 5, MANY), {0: MANY // 50, 2: MANY // 20}, {1: MANY // 10}, {0: MANY // 4}
    )
    start, used = time.perf_counter(), time.process_time()
    plan = optimise(net, limits)
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    gap = plan.bound - plan.net
    print(f"\n{MANY} customers, 5 constraints: {wall:.1f} s wall, {cpu:.1f} s CPU; below the bound by {gap:.2g}")


if __name__ == "__main__":
    main()
