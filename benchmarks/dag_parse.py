"""How long the DAG file takes to parse beyond importing airflow.sdk, and which modules it adds.

python benchmarks/dag_parse.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PARSE = """
import json, sys, time
start = time.perf_counter()
import airflow.sdk
from airflow.sdk import DAG, BaseOperator, Param, SkipMixin, TaskGroup, TriggerRule, chain
sdk = time.perf_counter()
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import nightly_retrain
end = time.perf_counter()
print(json.dumps({"airflow.sdk": sdk - start, "DAG file": end - sdk, "tasks": len(nightly_retrain.dag.tasks),
                  "packages": sorted({name.split(".")[0] for name in set(sys.modules) - before})}))
"""


def main() -> None:
    """Print the median over fresh processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="fresh processes")
    runs = parser.parse_args().runs
    found = []
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "PYTHONPATH": str(ROOT)}
        for _ in range(runs + 1):  # the first writes Airflow's settings and byte code
            command = [sys.executable, "-c", PARSE, str(ROOT / "dags")]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    for name in ("airflow.sdk", "DAG file"):
        seconds = [run[name] for run in found[1:]]
        print(f"{name:<12} {statistics.median(seconds):6.3f} s  (of {runs}: {min(seconds):.3f} to {max(seconds):.3f})")
    print(f"{found[-1]['tasks']} tasks; packages the file adds: {', '.join(found[-1]['packages'])}")


if __name__ == "__main__":
    main()
