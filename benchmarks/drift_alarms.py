"""How often the drift verdict is wrong, and what it finds: simulated windows of 1,000 to 1,000,000 rows.

Beside it, on the same windows: Evidently's defaults (normed Wasserstein / Jensen-Shannon at 0.1, no test, 50% of the
columns) and its Kolmogorov-Smirnov / chi-squared presets at p < 0.05 without correction. "alarm": share of windows that
alarm, with the upper end of its 95% interval (Clopper and Pearson); "any": with at least one column called moved;
"moved": mean share of the columns called moved. "2 of 3": windows of the verdict that would find an alarm open.

Evidently's effects are those of the verdict (a test holds the two to the same numbers); its KS preset sorts every row
again, so it sees only the first ``KS_WINDOWS`` windows, ``KS_LARGE`` of 100,000 rows and more.

    python benchmarks/drift_alarms.py [--full]
    python benchmarks/drift_alarms.py --rows 1000000 --windows 30 --no-shifts
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
REFERENCE_ROWS = 6000
SEED = 7
QUICK = {1000: 60, 10_000: 20, 100_000: 3}
FULL = {1000: 1000, 10_000: 500, 100_000: 100, 1_000_000: 30}
POWER_WINDOWS, KS_WINDOWS, KS_LARGE, LARGE = 10, 20, 3, 100_000
SHIFTS = ("bills +2%", "bills +20%", "bills +50%", "missing 10%", "unit x 1000", "new_category", "income_drop",
          "payment_holiday")  # fmt: skip
JUDGES = ("verdict", "Evidently's default", "KS at 0.05")


def window(rows: int, number: int, shift: str) -> Any:
    """One production day; ``shift`` is one of the simulator's, or one of those below."""
    import numpy as np

    from pipelines.sources.simulators import credit

    world = shift if shift in credit.SHIFTS else "none"
    frame = credit.production_day(SEED, date(2026, 1, 1) + timedelta(days=number), rows, world).drop(columns="ID")
    if shift.startswith("bills +"):
        for name in ("BILL_AMT1", "BILL_AMT2", "BILL_AMT3"):
            frame[name] = (frame[name] * (1 + float(shift[7:-1]) / 100)).round()
    if shift == "missing 10%":
        frame["BILL_AMT1"] = frame["BILL_AMT1"].astype(float).mask(np.arange(rows) % 10 == 0)
    if shift == "unit x 1000":
        frame["PAY_AMT1"] = frame["PAY_AMT1"] * 1000
    return frame


@dataclass
class Rates:
    """What one judge said of some windows: alarms in order, and the share of the columns it called moved."""

    alarms: list[bool] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    def cells(self) -> str:
        """Alarm rate, its upper bound, rate of any column moved, mean share moved."""
        if not self.alarms:
            return f"{'-':>8}{'-':>8}{'-':>8}{'-':>8}"
        count = len(self.alarms)
        rates = (
            sum(self.alarms) / count,
            upper(sum(self.alarms), count),
            sum(share > 0 for share in self.shares) / count,
        )
        return "".join(f"{rate:>8.1%}" for rate in (*rates, sum(self.shares) / count))

    def lasting(self) -> float:
        """Share of windows at which two of the last three alarm."""
        return sum(sum(self.alarms[max(0, at - 2) : at + 1]) >= 2 for at in range(len(self.alarms))) / len(self.alarms)


def upper(hits: int, count: int) -> float:
    """Upper end of the two-sided 95% interval of a rate."""
    from scipy.stats import beta

    return 1.0 if hits == count else float(beta.ppf(0.975, hits + 1, count - hits))


def measure(reference: Any, reference_rows: Any, rows: int, windows: int, shift: str) -> dict[str, Rates]:
    """``{judge: Rates}`` over so many windows of one world."""
    from pipelines.monitoring.judge import judge
    from pipelines.monitoring.verdict import Limits

    found = {name: Rates() for name in JUDGES}
    for number in range(windows):
        frame = window(rows, number + 1, shift)
        verdict = judge(reference, frame, Limits())
        moved = [column.drifted for column in verdict.columns]
        found["verdict"].alarms.append(verdict.status == "alarm")
        found["verdict"].shares.append(sum(moved) / len(moved))
        by_effect = [(column.effect or 0.0) >= 0.1 for column in verdict.columns]
        note(found["Evidently's default"], by_effect)
        if number < (KS_WINDOWS if rows < LARGE else KS_LARGE):
            note(found["KS at 0.05"], [p < 0.05 for p in raw_p_values(reference_rows, frame, reference)])
    return found


def note(rates: Rates, moved: list[bool]) -> None:
    """As Evidently's preset: an alarm when half of the columns have moved."""
    share = sum(moved) / len(moved)
    rates.alarms.append(share >= 0.5)
    rates.shares.append(share)


def raw_p_values(reference_rows: Any, frame: Any, reference: Any) -> list[float]:
    """One unadjusted p-value per column, as Evidently's KS and chi-squared presets compute them."""
    import numpy as np
    from scipy import stats

    found = []
    for column in reference.columns:
        before, now = reference_rows[column.name].dropna(), frame[column.name].dropna()
        if column.method == "wasserstein":
            found.append(float(stats.ks_2samp(before, now, method="asymp").pvalue))
        else:
            keys = sorted({*before.unique(), *now.unique()})
            table = np.array([[np.sum(side == key) for key in keys] for side in (before, now)])
            found.append(float(stats.chi2_contingency(table).pvalue))
    return found


def plans(options: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """World, rows and windows of every line of the table."""
    sizes = FULL if options.full else QUICK
    if options.rows:
        sizes = {rows: options.windows or sizes.get(rows, 10) for rows in options.rows}
    for rows, windows in sizes.items():
        yield "none", rows, options.windows or windows
    if not options.no_shifts:
        for rows in [rows for rows in sizes if rows < LARGE]:
            for shift in SHIFTS:
                yield shift, rows, min(POWER_WINDOWS, sizes[rows])


def main() -> None:
    """Print false alarms and power."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help=f"windows without change: {FULL}; default: {QUICK}")
    parser.add_argument("--windows", type=int, help="windows without change, of every size")
    parser.add_argument("--rows", type=int, nargs="+", help="only these sizes")
    parser.add_argument("--no-shifts", action="store_true", help="only windows without change")
    options = parser.parse_args()

    from pipelines.config import load_params
    from pipelines.monitoring.reference import make_reference

    block = load_params(Path(__file__).resolve().parents[1] / "params.yaml").products["credit_risk_demo"]
    reference_rows = window(REFERENCE_ROWS, 0, "none")
    reference = make_reference(reference_rows, "credit_risk_demo", "-", block)
    began = time.perf_counter()
    print(f"reference {REFERENCE_ROWS:,} rows, {len(reference.columns)} columns")
    print(" " * 35 + "".join(f"{name:>32}" for name in JUDGES))
    print(
        f"{'':16}{'rows':>10}{'windows':>9}"
        + f"{'alarm':>8}{'(to)':>8}{'any':>8}{'moved':>8}" * len(JUDGES)
        + "  2 of 3"
    )
    for shift, rows, windows in plans(options):
        rates = measure(reference, reference_rows, rows, windows, shift)
        cells = "".join(rates[name].cells() for name in JUDGES)
        name = "no change" if shift == "none" else shift
        print(f"{name:16}{rows:>10,}{windows:>9}{cells}{rates['verdict'].lasting():>8.1%}", flush=True)
    print(
        f"{time.perf_counter() - began:.0f} s; KS on {KS_WINDOWS} windows at most, {KS_LARGE} of {LARGE:,}; bills, "
        f"missing and unit touch 1 to 3 of {len(reference.columns)} columns: too few for an alarm, enough to be named"
    )


if __name__ == "__main__":
    main()
