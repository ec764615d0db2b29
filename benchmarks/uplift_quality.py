"""How well uplift is told on Hillstrom's test (64,000 customers, two mails and a control; outcome: a visit).

At least twenty repeated splits, 70% to learn and 30% to judge, stratified by arm and outcome, seeds 0, 1, ... On each
the T-learner and the doubly robust learner are cross-fitted and put on scale as in a night. Printed are the mean over
the splits and the range of the middle 95% of them: Qini, AUUC and the uplift among the top 10% and 30%, per mail and
as the mean of both; and the gain per customer of the recommended offers beside everyone, no one and a response
ranking, each also as the difference on the same rows. The splits overlap, so their spread says how much a single
split tells, not how sure the mean is: for that the bootstrap interval of one split is printed beside.

    NIGHTSHIFT_MIRROR=... python benchmarks/uplift_quality.py [--splits 20] [--learners t dr] [--cost 0.05]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from pipelines.blocks.models import Profile  # noqa: E402
from pipelines.config import load_params  # noqa: E402
from pipelines.features.tabular import fit, transform  # noqa: E402
from pipelines.metrics.intervals import estimates  # noqa: E402
from pipelines.metrics.uplift import ArmJudge, PolicyJudge, Stakes, UpliftJudge, recommend  # noqa: E402
from pipelines.metrics.uplift_effects import Line, robust_scores  # noqa: E402
from pipelines.models import uplift_trees  # noqa: E402
from pipelines.models.base import FitSettings  # noqa: E402
from pipelines.models.uplift_trees import UpliftData  # noqa: E402
from pipelines.problems.common.frames import frame_columns  # noqa: E402
from pipelines.problems.uplift.core.arms import Arms  # noqa: E402
from pipelines.problems.uplift.evaluate.policies import simple_policies  # noqa: E402

PRODUCT = "campaign_uplift"
FILE = "hillstrom_uplift/hillstrom.csv.gz"
MEASURES = ("qini", "auuc", "uplift_10", "uplift_30")
FOLDS = 3
TEST_SHARE = 0.3


def main() -> None:
    """Print one table per learner."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--learners", nargs="+", default=["t", "dr"], choices=uplift_trees.LEARNERS)
    parser.add_argument("--cost", type=float, default=None, help="of a contact, in visits; default: as params.yaml")
    asked = parser.parse_args()
    data, arms, stakes = load(asked.cost)
    print(f"{len(data.y)} customers; arms {', '.join(map(str, arms.names))}; a visit is worth {stakes.value:g},")
    print(f"a contact costs {', '.join(f'{cost:g}' for cost in stakes.costs)}; {asked.splits} splits")
    for learner in asked.learners:
        start = time.perf_counter()
        found = []
        for seed in range(asked.splits):
            found.append(one_split(data, arms, stakes, learner, seed, first=seed == 0))
            print(f"  split {seed}: gain recommended {found[-1]['gain recommended']:+.4f}", flush=True)
        table(learner, found, time.perf_counter() - start)


def load(cost: float | None) -> tuple[UpliftData, Arms, Stakes]:
    """All rows as the product sees them; features have no state that a split could leak (numbers and codes)."""
    folder = Path(os.environ.get("NIGHTSHIFT_MIRROR", ROOT / ".." / "shared" / "data"))
    frame = pd.read_csv(folder / FILE)
    product = load_params(ROOT / "params.yaml").product(PRODUCT)
    columns = product.columns
    raw = frame_columns(frame, [*columns.numeric, *columns.categorical])
    design = transform(fit(raw, list(columns.numeric), list(columns.categorical)), raw)
    arms = Arms.learn(columns, frame[columns.treatment].to_numpy())
    arm = arms.encode(frame[columns.treatment].to_numpy())
    shares = np.bincount(arm) / len(arm)
    stakes = arms.stakes(product.evaluate.campaign)
    if cost is not None:
        stakes = Stakes(stakes.value, (cost,) * len(arms.offers))
    return UpliftData(design, frame[columns.target].to_numpy().astype(np.int64), arm, shares), arms, stakes


def one_split(data: UpliftData, arms: Arms, stakes: Stakes, learner: str, seed: int, first: bool) -> dict[str, float]:
    """Every measure on the judged rows of one split; of the first also bootstrap intervals, printed."""
    rng = np.random.Generator(np.random.PCG64(seed))
    place = np.empty(len(data.y))
    for stratum in np.unique(data.arm * 2 + data.y):
        rows = np.flatnonzero(data.arm * 2 + data.y == stratum)
        place[rows] = rng.permutation(len(rows)) / len(rows)
    known, test = np.flatnonzero(place >= TEST_SHARE), np.flatnonzero(place < TEST_SHARE)
    told, means = np.zeros((len(data.y), len(arms.offers))), np.zeros((len(data.y), len(arms.names)))
    fold = rng.permutation(len(known)) % FOLDS
    for number in range(FOLDS):
        held = known[fold == number]
        settings = FitSettings(seed, {"learner": learner}, Profile(threads=1))
        model = uplift_trees.fit(data.take(known[fold != number]), data.take(held), settings)
        for rows, part in ((held, 1.0), (test, 1.0 / FOLDS)):
            design = data.design.take(rows)
            told[rows] += part * model.uplift(design)
            means[rows] += part * model.means(design)
    scores = robust_scores(data.y, data.arm, means, data.shares)
    lines = [Line.fit(scores[known, at], told[known, at]).trusted() for at in range(told.shape[1])]
    uplift = np.stack([line.apply(told[:, at]) for at, line in enumerate(lines)], axis=1)
    y, arm = data.y[test], data.arm[test]
    ones = np.ones((1, len(test)))
    found: dict[str, float] = {}
    for at, name in enumerate(arms.offers, start=1):
        judge = ArmJudge(y, arm, told[test, at - 1], at, MEASURES)
        found |= {f"{measure} {name}": float(value[0]) for measure, value in judge.measure(ones).items()}
    both = UpliftJudge(y, arm, told[test], stakes, MEASURES)
    found |= {f"{measure} mean": float(value[0]) for measure, value in both.measure(ones).items()}
    offer = recommend(uplift[test], stakes)
    best = int(np.argmax(stakes.value * scores[known].mean(axis=0) - np.asarray(stakes.costs))) + 1
    share = float((offer > 0).mean())
    others = simple_policies([str(name) for name in arms.offers], len(test), best, means[test, best], share)
    own = float(PolicyJudge(y, arm, offer, stakes).measure(ones)["policy_value"][0])
    found |= {"contacted": share, "gain recommended": own}
    for name, given in others.items():
        value = float(PolicyJudge(y, arm, given, stakes).measure(ones)["policy_value"][0])
        found |= {f"gain {name}": value, f"ahead of {name}": own - value}
    if first:
        print(
            f"\n{learner}, bootstrap of split 0 (95%): "
            + "; ".join(
                f"{name} {one.value:.4f} [{one.low:.4f}, {one.high:.4f}]"
                for name, one in estimates(UpliftJudge(y, arm, uplift[test], stakes), 200).items()
            )
        )
    return found


def table(learner: str, found: list[dict[str, float]], seconds: float) -> None:
    """Mean and middle 95% over the splits."""
    print(f"{learner}: {len(found)} splits, {seconds:.0f} s")
    for name in found[0]:
        values = np.array([one[name] for one in found])
        low, high = np.quantile(values, [0.025, 0.975])
        print(f"  {name:32s} {values.mean():+.4f}  [{low:+.4f}, {high:+.4f}]")


if __name__ == "__main__":
    main()
