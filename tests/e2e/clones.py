"""Fresh clones of the checkout, at a small setting, that share its environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def fresh_clone(folder: Path) -> Path:
    """Clone HEAD into ``folder`` with the environment linked in, as `make setup` would leave it."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["git", "update-index", "--skip-worktree", "dvc.lock"], cwd=folder, check=True)
    return folder


def small_setting(clone: Path, rows: int = 1500) -> None:
    """The demo product alone, with few rows and floors that fit so few."""
    path = clone / "params.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    product = content["products"]["credit_risk_demo"]
    product["source"]["rows_at_start"] = rows
    product["validation"]["min_rows"] = 500
    product["requirements"]["floors"] = {"roc_auc": 0.6}
    product["requirements"]["ceilings"] = {}
    product["requirements"]["fairness"] = {}
    content["products"] = {"credit_risk_demo": product}
    content["candidates"] = {k: v for k, v in content["candidates"].items() if v["product"] == "credit_risk_demo"}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def run_in(clone: Path, *command: str, check: bool = True, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment with the clone's own code first on the path."""
    environment = {**os.environ, "PYTHONPATH": str(clone), "DVC_NO_ANALYTICS": "1"}
    environment.pop("NIGHTSHIFT_ROOT", None)
    result = subprocess.run(
        [str(clone / ".venv" / "bin" / command[0]), *command[1:]],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if check and result.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
    return result


def changed_files(clone: Path) -> list[str]:
    """Paths that `git status` shows."""
    shown = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    ).stdout
    return [line[3:] for line in shown.splitlines()]
