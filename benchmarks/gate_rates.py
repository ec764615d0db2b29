"""How often the champion gate is wrong, and what it finds: its real decision on pairs of simulated models.

Two models of ROC AUC 0.77 whose noise is correlated at 0.9, 22% positives; the truth of each pair is known. Printed:
the share of pairs that pass with its exact 95% binomial interval, beside the rate or power that the gate states.

    python benchmarks/gate_rates.py [--repetitions 1000] [--rows 500 2000 6000] [--resamples 1000]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from gate_worlds import World, binomial_interval, checks_of  # noqa: E402

from pipelines.blocks.operations import Release  # noqa: E402

MARGIN = 0.005
SLICE_SHARE = 0.25
BLOCK = 50  # pairs handed to a process at once


def row(name: str, hits: int, of: int, stated: str) -> None:
    """One line of the table."""
    low, high = binomial_interval(hits, of, 0.95)
    print(f"  {name:58} {hits / of:6.1%}  ({low:.1%} to {high:.1%})   {stated}", flush=True)


def count(arguments: tuple[World, Release, str, str, int, int, bool]) -> int:
    """Pairs of one block whose check is ok."""
    world, release, rule, check, first, resamples, wanted = arguments
    seeds = range(first, first + BLOCK)
    return sum(
        checks_of(world, release, rule, seed, resamples)[check].ok is wanted  # type: ignore[arg-type]
        for seed in seeds
    )


def main() -> None:
    """See the module."""
    from concurrent.futures import ProcessPoolExecutor
    from statistics import mean

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2000, 6000])
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    blocks = max(1, options.repetitions // BLOCK)
    began = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:

        def hits(world: World, release: Release, rule: str, check: str = "difference", wanted: bool = True) -> int:
            work = [(world, release, rule, check, block * BLOCK, options.resamples, wanted) for block in range(blocks)]
            return sum(pool.map(count, work))

        for rows in options.rows:
            of, plain, strict = blocks * BLOCK, Release(), Release(slice_margin=0.0)
            sizes = [checks_of(World(rows), plain, "better", seed)["detectable gain"].value for seed in range(20)]
            gain = mean(size or 0.0 for size in sizes)
            part = int(rows * SLICE_SHARE)
            print(f"{rows} test rows, {of} pairs, {options.resamples} resamples; detectable gain {gain:.4f}")
            row("better: no true difference, promoted", hits(World(rows), plain, "better"), of, "stated: at most 2.5%")
            row("better: truly worse by 0.005, promoted", hits(World(rows, -MARGIN), plain, "better"), of, "less")
            row("better: the detectable gain, promoted", hits(World(rows, gain), plain, "better"), of, "stated: 80%")
            row("better: twice that gain, promoted", hits(World(rows, 2 * gain), plain, "better"), of, "more")
            row(
                f"not_worse: truly worse by the margin {MARGIN}, promoted",
                hits(World(rows, -MARGIN), plain, "not_worse"), of, "stated: at most 2.5%",
            )  # fmt: skip
            row("not_worse: no true difference, promoted", hits(World(rows), plain, "not_worse"), of, "")
            row(
                f"slice of {part} rows, margin 0, no true difference, refused",
                hits(World(rows, 0.0, part), strict, "better", "slice S=a", False), of, "stated: at most 2.5%",
            )  # fmt: skip
            row(
                f"slice of {part} rows, margin 0.02, truly worse by 0.1, refused",
                hits(World(rows, 0.0, part, -0.1), plain, "better", "slice S=a", False), of, "",
            )  # fmt: skip
    print(f"{time.perf_counter() - began:.0f} s on 2 processes")


if __name__ == "__main__":
    main()
