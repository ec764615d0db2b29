"""The drift verdict on many rows beside Evidently: seconds and peak memory, each in a process of its own.

Goal: 1,000,000 rows x 25 columns judged in under 2 s and under 1 GiB on 2 cores. Evidently sees a sample of 50,000
rows, and with ``--full`` all of them, which takes minutes.

    python benchmarks/drift_speed.py [--rows 1000000] [--full]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
NUMBERS, CATEGORIES = 20, 5
REFERENCE_ROWS = 50_000
SAMPLE_ROWS = 50_000


def table(rows: int, seed: int, moved: float) -> Any:
    """20 numeric columns (normal, log-normal, whole numbers with ties) and 5 categorical ones (3 codes, 2 texts)."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(seed)
    content: dict[str, Any] = {}
    for number in range(NUMBERS):
        shift = moved if number % 4 == 0 else 0.0
        values = generator.normal(shift, 1, rows)
        if number % 4 == 1:
            values = np.exp(values)
        elif number % 4 == 2:
            values = np.round(3 * values)
        content[f"number_{number}"] = values
    for number in range(CATEGORIES):
        shares = generator.permutation(np.arange(1, 13) ** 1.5) if number == 0 and moved else np.arange(1, 13) ** 1.5
        codes = generator.choice(12, rows, p=shares / shares.sum())
        texts = np.array([f"kind {code}" for code in range(12)], dtype=object)
        content[f"category_{number}"] = texts[codes] if number >= 3 else codes
    return pd.DataFrame(content)


def block() -> Any:
    """A product whose columns are those of :func:`table`."""
    from pipelines.config import load_params

    params = load_params(Path(__file__).resolve().parents[1] / "params.yaml")
    product = next(iter(params.products.values()))
    columns = product.columns.model_copy(
        update={
            "numeric": tuple(f"number_{number}" for number in range(NUMBERS)),
            "categorical": tuple(f"category_{number}" for number in range(CATEGORIES)),
        }
    )
    requirements = product.requirements.model_copy(update={"protected": ()})
    return product.model_copy(update={"columns": columns, "requirements": requirements})


def measure(part: str, rows: int) -> dict[str, Any]:
    """Run one part in this process."""
    from pipelines.monitoring.judge import judge
    from pipelines.monitoring.reference import make_reference, reference_json
    from pipelines.monitoring.report import write_report
    from pipelines.monitoring.verdict import Limits

    reference_rows, window = table(REFERENCE_ROWS, 1, 0.0), table(rows, 2, 0.3)
    reference = make_reference(reference_rows, "benchmark", "-", block())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if part == "ours":
        judge(reference, window.head(1000), Limits())  # scipy's first import
        began, busy = time.perf_counter(), time.process_time()
        verdict = judge(reference, window, Limits())
        seconds, cpu = time.perf_counter() - began, time.process_time() - busy
        moved = [column.name for column in verdict.drifted]
        size = len(json.dumps(reference_json(reference)))
    else:
        import evidently  # noqa: F401 - not part of the measured time

        from pipelines.monitoring import report

        report.SAMPLE_ROWS = rows
        began, busy = time.perf_counter(), time.process_time()
        scores = write_report(Path(os.devnull).with_name("shm") / f"drift-{os.getpid()}.html", reference,
                              reference_rows, window, Limits())  # fmt: skip
        seconds, cpu = time.perf_counter() - began, time.process_time() - busy
        moved, size = [name for name, score in scores.items() if score >= Limits().effect], 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu": cpu, "peak": peak, "before": before, "moved": sorted(moved), "bytes": size}


def child(part: str, rows: int) -> dict[str, Any]:
    """Run one part in a new process."""
    command = [sys.executable, __file__, "--part", part, "--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    content: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return content


def main() -> None:
    """Print the parts side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the window")
    parser.add_argument("--full", action="store_true", help="Evidently on all rows too: minutes")
    parser.add_argument("--part", choices=["ours", "evidently"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(measure(options.part, options.rows)))
        return
    jobs = [("verdict", "ours", options.rows), ("Evidently, sample", "evidently", min(SAMPLE_ROWS, options.rows))]
    if options.full:
        jobs.append(("Evidently, all rows", "evidently", options.rows))
    print(f"{NUMBERS + CATEGORIES} columns, reference {REFERENCE_ROWS:,} rows, {os.cpu_count()} cores")
    print(f"{'':22}{'rows':>12}{'seconds':>10}{'CPU s':>8}{'peak MiB':>10}{'of these data':>15}{'moved':>7}")
    results = []
    for name, part, rows in jobs:
        result = child(part, rows)
        results.append((name, rows, result))
        print(
            f"{name:22}{rows:>12,}{result['seconds']:>10.2f}{result['cpu']:>8.2f}{result['peak']:>10.0f}{result['before']:>15.0f}"
            f"{len(result['moved']):>7}"
        )
    ours = results[0][2]
    print(f"reference as JSON: {ours['bytes'] / 1024:.0f} KiB")
    for name, rows, result in results[1:]:
        per_row = (result["cpu"] / rows) / (ours["cpu"] / options.rows)
        same = "the same" if result["moved"] == ours["moved"] else "other"
        print(f"{name}: {per_row:.0f} times the verdict's CPU seconds per row; {same} columns moved")


if __name__ == "__main__":
    main()
