"""Rows per second and peak memory of each stage as the rows grow, and how they grow.

A CSV file of simulated clients goes through snapshot, fetch, validate, label, prepare, train (LightGBM, as params.yaml
has it for the product) and evaluate, each stage in a process of its own, as a night runs them: seconds and memory hold
the start of Python and the imports. ``time ~ rows^a`` and ``memory ~ rows^b`` are the slopes between the two largest
sizes on a logarithmic scale: 1 is linear, a memory slope of 0 is bounded.

    python benchmarks/stage_scale.py [--rows 100000 1000000] [--stages snapshot fetch validate]
    python benchmarks/stage_scale.py --rows 1000000 10000000        # tens of GiB of disk and memory, hours
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PRODUCT, MODEL, DAY = "credit_risk_demo", "lightgbm", "2026-06-30"
STAGES = ("snapshot", "fetch", "validate", "label", "prepare", "train", "evaluate")
CHUNK = 250_000  # clients that are simulated at once
MOST_ROWS = 10**9


@dataclass(frozen=True)
class Cost:
    """Of one stage: seconds, CPU seconds, and the largest resident memory of its process, MiB."""

    seconds: float
    cpu: float
    mib: float


def write_rows(path: Path, rows: int, parquet: bool) -> None:
    """So many simulated clients, written piece by piece; a piece has a seed of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.sources.simulators import credit

    writer: Any = None
    for number, start in enumerate(range(0, rows, CHUNK)):
        size = min(CHUNK, rows - start)
        frame = credit.history(100 + number, date(2026, 1, 1), date(2026, 1, 1), size, 0)
        frame["ID"] += start
        if parquet:
            table = pa.Table.from_pandas(frame.astype(float), preserve_index=False)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        else:
            frame.to_csv(path, index=False, mode="a" if start else "w", header=not start)
    if writer is not None:
        writer.close()


def make_project(folder: Path, name: str) -> None:
    """``params.yaml`` with the one product, its rows in a file, and its suite without an upper bound of rows."""
    import yaml

    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    product = content["products"][PRODUCT]
    product["source"] = {"kind": "file", "path": name}
    content["products"] = {PRODUCT: product}
    content["candidates"] = {f"{PRODUCT}-{MODEL}": {**content["candidates"][f"{PRODUCT}-{MODEL}"], "use": "always"}}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    suite = json.loads((ROOT / "expectations" / f"{PRODUCT}.json").read_text(encoding="utf-8"))
    for item in suite["expectations"]:
        if item["type"] == "expect_table_row_count_to_be_between":
            item["kwargs"]["max_value"] = MOST_ROWS
    (folder / "expectations").mkdir()
    (folder / "expectations" / f"{PRODUCT}.json").write_text(json.dumps(suite), encoding="utf-8")


def run(folder: Path, stage: str) -> Cost:
    """One stage in a process of its own. Exits when it fails or blocks: later stages would stand aside."""
    words = ["snapshot", PRODUCT, "--as-of", DAY] if stage == "snapshot" else ["run", stage, PRODUCT]
    if stage == "train":
        words[-1] += f"-{MODEL}"
    environment = {**os.environ, "NIGHTSHIFT_ROOT": str(folder), "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    with (folder / f"{stage}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *words], env=environment, cwd=folder, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    verdict = folder / ".nightshift" / "lanes" / PRODUCT / (f"models/{MODEL}" if stage == "train" else stage)
    verdict = verdict / ("result/verdict.json" if stage == "evaluate" else "verdict.json")
    blocked = stage != "snapshot" and verdict.is_file() and json.loads(verdict.read_text())["status"] != "passed"
    if process.returncode or (blocked and stage != STAGES[-1]):
        sys.exit(f"{stage} did not pass:\n{(folder / f'{stage}.log').read_text()[-1500:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def slope(small: float, large: float, ratio: float) -> float:
    """Exponent ``a`` of ``rows^a`` between two sizes."""
    return math.log(large / small) / math.log(ratio)


def main() -> None:
    """Print a line per stage and size, then the slopes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000], help="sizes, ascending")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES), help="a beginning of the list")
    parser.add_argument("--parquet", action="store_true", help="a Parquet file instead of CSV")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_rows(options.write, options.rows[0], options.write.suffix == ".parquet")
        return
    if options.stages != list(STAGES[: len(options.stages)]):
        parser.error(f"stages build on one another: give a beginning of {' '.join(STAGES)}")
    found: dict[str, list[Cost]] = {stage: [] for stage in options.stages}
    print(f"{'stage':10}{'rows':>12}{'seconds':>10}{'CPU s':>9}{'rows/s':>12}{'peak MiB':>10}")
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="nightshift-scale-") as name:
            folder, file = Path(name), "rows.parquet" if options.parquet else "rows.csv"
            make_project(folder, file)
            made = [sys.executable, __file__, "--write", str(folder / file), "--rows", str(rows)]
            subprocess.run(made, check=True)  # a process counts what its parent held when it was forked
            print(f"{file:10}{rows:>12,}{(folder / file).stat().st_size / 2**20:>41.0f}", flush=True)
            for stage in options.stages:
                cost = run(folder, stage)
                found[stage].append(cost)
                print(
                    f"{stage:10}{rows:>12,}{cost.seconds:>10.1f}{cost.cpu:>9.1f}{rows / cost.seconds:>12,.0f}"
                    f"{cost.mib:>10.0f}",
                    flush=True,
                )
    if len(options.rows) > 1:
        ratio = options.rows[-1] / options.rows[-2]
        for stage, costs in found.items():
            a = slope(costs[-2].cpu, costs[-1].cpu, ratio)
            b = slope(costs[-2].mib, costs[-1].mib, ratio)
            print(f"{stage:10} CPU time ~ rows^{a:.2f}   memory ~ rows^{b:.2f}")
    last = {stage: costs[-1] for stage, costs in found.items()}
    slowest = max(last, key=lambda stage: last[stage].seconds)
    largest = max(last, key=lambda stage: last[stage].mib)
    print(
        f"{options.rows[-1]:,} rows: slowest {slowest} ({options.rows[-1] / last[slowest].seconds:,.0f} rows/s), "
        f"most memory {largest} ({last[largest].mib:,.0f} MiB)"
    )


if __name__ == "__main__":
    main()
