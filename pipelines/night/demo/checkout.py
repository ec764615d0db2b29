"""A checkout of its own for the demo: the demo product in a world that changed two weeks ago."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import StageError
from pipelines.files import read_json, write_json
from pipelines.layout import Layout
from pipelines.night.services import free_port

PRODUCT = "credit_risk_demo"
SHIFT = "payment_holiday"
DAYS_BEFORE, DAYS_SINCE = 1, 15
"""Three of four rows that the retraining sees are of the changed world: then it is what the model is proved on."""
WIDER_DELAY = 1.2  # months, the mean of PAY_0
ROWS_AT_START, ROWS_PER_DAY = 4000, 1000
COPIED = ("dvc.yaml", ".dvcignore", "requirements.txt", "bentofile.yaml", "pyproject.toml")


def make_checkout(source: Layout, folder: Path, today: date) -> Layout:
    """A fresh git and DVC repository in ``folder`` with this checkout's code, for one product on a moved world.

    Its records, outbox, Airflow home and caches are its own: nothing of ``source`` is touched.

    Raises:
        StageError: git or DVC cannot make the repository.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in COPIED:
        if (source.root / name).is_file():
            shutil.copy(source.root / name, folder / name)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("pipelines", "dags", "expectations"):
        shutil.copytree(source.root / name, folder / name, ignore=ignore)
    content = yaml.safe_load(source.params.read_text(encoding="utf-8"))
    (folder / "params.yaml").write_text(yaml.safe_dump(moved_params(content, today), sort_keys=False), encoding="utf-8")
    _widen(folder / "expectations" / f"{PRODUCT}.json")
    (folder / ".gitignore").write_text("/.nightshift/\n/.venv\n__pycache__/\n", encoding="utf-8")
    (folder / ".venv").symlink_to(source.root / ".venv")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StageError(
                f"the demo's checkout could not be made: {done.stderr.strip()[-300:]}",
                where={"command": command[0] if command[0] == "git" else "dvc init"},
                next_step="see the message",
            )
    return Layout(folder)


def _widen(suite: Path) -> None:
    """What the owner of the contract does when the world itself has changed: the usual delay may be longer now.

    Without it the contract stops the retraining, as it should: it cannot tell a changed world from a broken feed.
    """
    content = read_json(suite)
    for one in content["expectations"]:
        if one["type"] == "expect_column_mean_to_be_between" and one["kwargs"]["column"] == "PAY_0":
            one["kwargs"]["max_value"] = WIDER_DELAY
    write_json(suite, content)


def moved_params(content: dict[str, Any], today: date) -> dict[str, Any]:
    """``params.yaml`` for one product and one quick candidate, with a world that changed ``DAYS_SINCE`` days ago."""
    product = content["products"][PRODUCT]
    product["source"] |= {
        "start": (today - timedelta(days=DAYS_BEFORE + DAYS_SINCE)).isoformat(),
        "rows_at_start": ROWS_AT_START,
        "rows_per_day": ROWS_PER_DAY,
        "shift": SHIFT,
        "shift_from": (today - timedelta(days=DAYS_SINCE - 1)).isoformat(),
    }
    product["watch"] |= {
        "window_rows": 500,
        "measured_rows": ROWS_PER_DAY,
        "volume_factor": 1000.0,  # here a window is a few seconds long, not an hour
    }
    product["label"] |= {"noise_folds": 2}
    product["evaluate"] |= {"resamples": 300}
    candidates = {
        name: block
        for name, block in content["candidates"].items()
        if block["product"] == PRODUCT and block["family"] == "lightgbm"
    }
    service = {**content.get("service", {}), "port": free_port(), "workers": 1}
    night = {**content.get("night", {}), "watch_schedule": "0 0 1 1 *"}  # the demo starts every round itself
    kept: dict[str, Any] = {name: content[name] for name in ("mail", "profile") if name in content}
    return {"night": night, "service": service, **kept, "products": {PRODUCT: product}, "candidates": candidates}


def environment(source: Layout, layout: Layout) -> dict[str, str]:
    """For the demo's processes: this checkout's code, the demo's state."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "NIGHTSHIFT_"))}
    connection = {name: value for name, value in os.environ.items() if name == "AIRFLOW_CONN_SMTP_DEFAULT"}
    return {**kept, **connection, "NIGHTSHIFT_ROOT": str(layout.root), "PYTHONPATH": str(source.root)}
