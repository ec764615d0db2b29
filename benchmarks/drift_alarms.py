"""How often the drift verdict is wrong, and what it finds: simulated windows of the credit simulator.

Beside it, on the same windows: Evidently's defaults (normed Wasserstein / Jensen-Shannon at 0.1, no test, 50% of the
columns) and Kolmogorov-Smirnov / chi-squared at p < 0.05 without correction. "alarm": share of windows that alarm;
"any": with at least one column called moved; "moved": mean share of the columns called moved.

    python benchmarks/drift_alarms.py [--windows 20] [--rows 1000 10000 100000]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
REFERENCE_ROWS = 6000
SEED = 7
POWER_WINDOWS = 10


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


def judgements(reference: Any, reference_rows: Any, frame: Any) -> dict[str, tuple[bool, float]]:
    """``{judge: (alarm, share of the columns called moved)}``."""
    from pipelines.monitoring.judge import judge
    from pipelines.monitoring.verdict import Limits

    verdict = judge(reference, frame, Limits())
    effects = [(c.effect or 0.0) >= 0.1 for c in verdict.columns]
    tests = [p < 0.05 for p in raw_p_values(reference_rows, frame, reference)]
    return {
        "verdict": (verdict.status == "alarm", sum(c.drifted for c in verdict.columns) / len(verdict.columns)),
        "Evidently's default": (sum(effects) / len(effects) >= 0.5, sum(effects) / len(effects)),
        "KS at 0.05": (sum(tests) / len(tests) >= 0.5, sum(tests) / len(tests)),
    }


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


def summary(reference: Any, reference_rows: Any, rows: int, windows: int, shift: str) -> dict[str, list[float]]:
    """Mean rates of alarm, of any column moved and of columns moved, per judge."""
    sums: dict[str, list[float]] = {}
    for number in range(windows):
        frame = window(rows, number + 1, shift)
        for name, (alarm, share) in judgements(reference, reference_rows, frame).items():
            total = sums.setdefault(name, [0.0, 0.0, 0.0])
            for place, value in enumerate((alarm, share > 0, share)):
                total[place] += value / windows
    return sums


def main() -> None:
    """Print false alarms and power."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=20, help="windows without change, per size")
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000], help="rows per window")
    options = parser.parse_args()

    from pipelines.config import load_params
    from pipelines.monitoring.reference import make_reference

    block = load_params(Path(__file__).resolve().parents[1] / "params.yaml").products["credit_risk_demo"]
    reference_rows = window(REFERENCE_ROWS, 0, "none")
    reference = make_reference(reference_rows, "credit_risk_demo", "-", block)
    began = time.perf_counter()
    print(f"reference {REFERENCE_ROWS:,} rows, {len(reference.columns)} columns")
    print(f"{'':14}{'rows':>9}{'windows':>9}" + "".join(f"{name:>26}" for name in COLUMNS))
    print(" " * 32 + f"{'alarm':>10}{'any':>8}{'moved':>8}" * len(COLUMNS))
    for rows in options.rows:
        show("no change", rows, options.windows, summary(reference, reference_rows, rows, options.windows, "none"))
    shifts = ("bills +2%", "bills +20%", "bills +50%", "missing 10%", "unit x 1000", "new_category", "income_drop")
    for rows in options.rows[:2]:
        for shift in shifts:
            count = min(POWER_WINDOWS, options.windows)
            show(shift, rows, count, summary(reference, reference_rows, rows, count, shift))
    print(f"{time.perf_counter() - began:.0f} s; bills, missing and unit touch 1 to 3 of "
          f"{len(reference.columns)} columns: too few to alarm by share, enough to be named")  # fmt: skip


COLUMNS = ("verdict", "Evidently's default", "KS at 0.05")


def show(name: str, rows: int, windows: int, rates: dict[str, list[float]]) -> None:
    """One line of the table."""
    cells = "".join(f"{rates[judge][0]:>10.1%}{rates[judge][1]:>8.1%}{rates[judge][2]:>8.1%}" for judge in COLUMNS)
    print(f"{name:14}{rows:>9,}{windows:>9}{cells}")


if __name__ == "__main__":
    main()
