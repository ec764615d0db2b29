"""How often the drift verdict is wrong, and what it finds: simulated windows of 1,000 to 1,000,000 rows.

Windows without change and the reference are independent draws from one distribution (``drift_worlds.py``). Besides the
inputs the score and the decision are judged. The verdict is given twice: against one reference that stays, as a release
has it, and with ``--fresh`` also against a reference drawn anew for each window, so that the rate does not hang on one
lucky or unlucky reference.

Beside it, Evidently's own ``DataDriftPreset`` on the same rows: as it comes (it picks normed Wasserstein and
Jensen-Shannon at 0.1), and with Kolmogorov-Smirnov and chi-squared tests at its p < 0.05. What Evidently's own tests in
the report say is counted: an alarm is its "share of drifted columns" test (half of the columns). It takes minutes on
1,000,000 rows, so it sees only the first ``--peer-windows`` of each line.

"95%": Clopper and Pearson's two-sided interval; "at most": their one-sided upper bound, 95%. "any": windows with at
least one column called moved; "moved": mean share of the columns called moved.

    python benchmarks/drift_alarms.py [--full]
    python benchmarks/drift_alarms.py --rows 1000000 --windows 300 --peer-windows 2 --fresh --no-shifts
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from drift_worlds import SHIFTS, Worlds

PRODUCT = "credit_risk_demo"
REFERENCE_ROWS = 6000
REFERENCES, WINDOWS, FIRST = 1, 2, 0
"""Random streams, and the number of the reference that stays."""
POOL_ROWS = {False: 200_000, True: 1_000_000}
QUICK = {1000: 60, 10_000: 20, 100_000: 3}
FULL = {1000: 1000, 10_000: 1000, 100_000: 300, 1_000_000: 300}
PEERS = {1000: 30, 10_000: 20, 100_000: 4, 1_000_000: 1}
"""Windows that Evidently sees, at most; a tenth of it without ``--full``."""
POWER_WINDOWS, LARGE = 20, 100_000
VERDICT, FRESH, DEFAULT, TESTS = "verdict", "verdict, fresh references", "Evidently, default", "Evidently, KS and chi2"


@dataclass
class Rates:
    """What one judge said of some windows: alarms in order, and the share of the columns it called moved."""

    alarms: list[bool] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def cells(self) -> str:
        """Windows, alarms, their interval and upper bound, rate of any column moved, mean share moved, seconds each."""
        count, hits = len(self.alarms), sum(self.alarms)
        low, high = interval(hits, count)
        touched = sum(share > 0 for share in self.shares) / count
        return (
            f"{count:>8}{hits:>8}{f'{low:.1%} - {high:.1%}':>17}{at_most(hits, count):>9.2%}"
            f"{touched:>8.1%}{sum(self.shares) / count:>8.1%}{self.seconds / count:>9.2f}"
        )

    def lasting(self) -> int:
        """Windows at which two of the last three alarm: what opens an alarm in production."""
        return sum(sum(self.alarms[max(0, at - 2) : at + 1]) >= 2 for at in range(len(self.alarms)))


def interval(hits: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of a rate (Clopper and Pearson, 1934)."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, count - hits + 1))
    return low, 1.0 if hits == count else float(beta.ppf(1 - tail, hits + 1, count - hits))


def at_most(hits: int, count: int, level: float = 0.95) -> float:
    """One-sided upper bound of a rate."""
    return interval(hits, count, 2 * level - 1)[1]


class Evidently:
    """Evidently's preset against one reference; its own tests decide."""

    def __init__(self, reference: Any, reference_rows: Any) -> None:
        from pipelines.monitoring.report import load_evidently

        load_evidently()
        from evidently import DataDefinition

        numbers = [column.name for column in reference.columns if column.method == "wasserstein"]
        codes = [column.name for column in reference.columns if column.method != "wasserstein"]
        self.names = [*numbers, *codes]
        self.definition = DataDefinition(numerical_columns=numbers, categorical_columns=codes)
        self.reference = self._dataset(reference_rows)

    def _dataset(self, frame: Any) -> Any:
        from evidently import Dataset

        return Dataset.from_pandas(frame[self.names], data_definition=self.definition)

    def judge(self, frame: Any, rates: Rates, **preset: str) -> None:
        """Run the preset with its tests, and note what they say."""
        from evidently import Report
        from evidently.presets import DataDriftPreset

        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = Report([DataDriftPreset(**preset)], include_tests=True)
            tests = report.run(self._dataset(frame), self.reference).dict()["tests"]
        rates.seconds += time.perf_counter() - began
        failed = [test["status"].value == "FAIL" for test in tests]
        columns = [fails for test, fails in zip(tests, failed, strict=True) if test["name"].startswith("Value Drift")]
        (share,) = [fails for test, fails in zip(tests, failed, strict=True) if not test["name"].startswith("Value ")]
        assert len(columns) == len(self.names)
        rates.alarms.append(share)
        rates.shares.append(sum(columns) / len(columns))


class Bench:
    """The judges, their references, and the worlds."""

    def __init__(self, worlds: Worlds) -> None:
        from pipelines.config import load_params
        from pipelines.monitoring.judge import limits_of

        self.block = load_params(Path(__file__).resolve().parents[1] / "params.yaml").products[PRODUCT]
        self.limits, self.worlds = limits_of(self.block.watch), worlds
        self.rows = worlds.draw(REFERENCE_ROWS, REFERENCES, FIRST)
        self.reference = self._reference(self.rows)
        self._evidently: Evidently | None = None

    def _reference(self, rows: Any) -> Any:
        from pipelines.monitoring.reference import make_reference

        return make_reference(rows, PRODUCT, "-", self.block)

    def measure(self, rows: int, windows: int, peers: int, shift: str, fresh: bool) -> dict[str, Rates]:
        """``{judge: Rates}`` over so many windows of one world."""
        found: dict[str, Rates] = {name: Rates() for name in (VERDICT, FRESH, DEFAULT, TESTS)}
        for number in range(windows):
            frame = self.worlds.draw(rows, WINDOWS, number, shift)
            self._verdict(self.reference, frame, found[VERDICT])
            if fresh:
                drawn = self.worlds.draw(REFERENCE_ROWS, REFERENCES, number + 1)
                self._verdict(self._reference(drawn), frame, found[FRESH])
            if number < peers:
                self._evidently = self._evidently or Evidently(self.reference, self.rows)
                self._evidently.judge(frame, found[DEFAULT])
                self._evidently.judge(frame, found[TESTS], num_method="ks", cat_method="chisquare")
        return {name: rates for name, rates in found.items() if rates.alarms}

    def _verdict(self, reference: Any, frame: Any, rates: Rates) -> None:
        from pipelines.monitoring.judge import judge

        began = time.perf_counter()
        verdict = judge(reference, frame, self.limits)
        rates.seconds += time.perf_counter() - began
        rates.alarms.append(verdict.status == "alarm")
        rates.shares.append(sum(column.drifted for column in verdict.columns) / len(verdict.columns))


def plans(options: argparse.Namespace) -> Iterator[tuple[str, int, int, int]]:
    """World, rows, windows and Evidently's windows of every line of the table."""
    sizes = FULL if options.full else QUICK
    if options.rows:
        sizes = {rows: options.windows or sizes.get(rows, 10) for rows in options.rows}

    def peers(rows: int) -> int:
        usual = PEERS.get(rows, 1)
        return int(options.peer_windows if options.peer_windows is not None else usual if options.full else usual // 10)

    for rows, windows in sizes.items():
        windows = options.windows or windows
        yield "none", rows, windows, min(windows, peers(rows))
    if not options.no_shifts:
        for rows in [rows for rows in sizes if rows < LARGE]:
            for shift in SHIFTS:
                windows = min(POWER_WINDOWS if options.full else POWER_WINDOWS // 2, sizes[rows])
                yield shift, rows, windows, min(windows, max(1, peers(rows) // 10)) if options.full else 0


def main() -> None:
    """Print false alarms and power."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help=f"windows without change: {FULL}; default: {QUICK}")
    parser.add_argument("--windows", type=int, help="windows without change, of every size")
    parser.add_argument("--peer-windows", type=int, help=f"windows that Evidently sees; with --full {PEERS}")
    parser.add_argument("--rows", type=int, nargs="+", help="only these sizes")
    parser.add_argument("--no-shifts", action="store_true", help="only windows without change")
    parser.add_argument("--fresh", action="store_true", help="judge also against a reference drawn anew each time")
    options = parser.parse_args()

    began = time.perf_counter()
    large = options.full or max(options.rows or [0]) > LARGE
    bench = Bench(Worlds(POOL_ROWS[large]))
    print(f"reference {REFERENCE_ROWS:,} rows, {len(bench.reference.columns)} columns, pool {bench.worlds.rows:,} rows")
    print(
        f"{'world':16}{'rows':>10}  {'judge':26}{'windows':>8}{'alarms':>8}{'95%':>17}{'at most':>9}{'any':>8}"
        f"{'moved':>8}{'s each':>9}"
    )
    steady: dict[int, Rates] = {}
    for shift, rows, windows, peers in plans(options):
        found = bench.measure(rows, windows, peers, shift, options.fresh and shift == "none")
        name = "no change" if shift == "none" else shift
        for judge, rates in found.items():
            print(f"{name:16}{rows:>10,}  {judge:26}{rates.cells()}", flush=True)
        if shift == "none":
            steady[rows] = found[VERDICT]
            print(f"{'':28}two of the last three windows alarm: {found[VERDICT].lasting()} times", flush=True)
    print(f"{time.perf_counter() - began:.0f} s; bills, missing and unit touch 1 to 3 columns: too few for an alarm")
    words = "; ".join(
        f"{sum(rates.alarms)} of {len(rates.alarms)} at {rows:,} rows (at most "
        f"{at_most(sum(rates.alarms), len(rates.alarms)):.2%})"
        for rows, rates in steady.items()
    )
    print(f"false alarms: {words}")


if __name__ == "__main__":
    main()
