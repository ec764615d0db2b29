from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.files import read_json, write_json
from pipelines.problems.common.curves import series


@pytest.mark.slow
def test_dvc_draws_every_series_against_at(tmp_path: Path, root: Path) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    p = rng.random(500)
    stage = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["evaluate"]["do"]
    (props,) = [next(iter(entry.values())) for entry in stage["plots"] if isinstance(entry, dict)]
    assert props == {"x": "at"}
    for name, points in series("binary", (rng.random(500) < p).astype(np.int64), p).items():
        write_json(tmp_path / "plots" / f"{name}.json", points)
    stages: dict[str, Any] = {"judge": {"cmd": "true", "outs": [], "plots": [{"plots": props}]}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")

    def dvc(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout

    dvc("init", "--no-scm", "-q")
    drawn = json.loads(dvc("plots", "show", "--json", "--split"))
    assert not drawn.get("errors")
    assert {Path(name).name for name in drawn["data"]} == {path.name for path in (tmp_path / "plots").glob("*.json")}
    for name, (plot,) in drawn["data"].items():
        points = read_json(tmp_path / name)
        anchors = plot["anchor_definitions"]
        assert anchors["<DVC_METRIC_X_LABEL>"] == "at"
        assert anchors["<DVC_METRIC_Y_LABEL>"] in points[0]
        assert [{key: point[key] for key in points[0]} for point in anchors["<DVC_METRIC_DATA>"]] == points
