"""A whole night whose models wait for approval: it ends by itself, and its asset events wait for a scheduler."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tiny_project import make_tiny, nightshift

pytestmark = [pytest.mark.night, pytest.mark.slow]


def test_a_night_never_waits_and_leaves_an_event_for_each_model_that_does(tmp_path: Path) -> None:
    layout = make_tiny(tmp_path / "tiny", products=("alpha",), models=("one",))
    fakes = layout.root / "fakes" / "sitecustomize.py"
    text = fakes.read_text()
    assert 'outcome="promoted"' in text
    fakes.write_text(text.replace('outcome="promoted"', 'outcome="waits for approval"'))
    done = nightshift(layout, "night", "--data", "all", seconds=400)
    assert done.returncode == 0, done.stdout + done.stderr
    with sqlite3.connect(layout.airflow_home / "airflow.db") as database:
        events = database.execute(
            "select asset.name, asset_event.extra from asset_event join asset on asset.id = asset_event.asset_id"
        ).fetchall()
        queued = database.execute("select target_dag_id from asset_dag_run_queue").fetchall()
    assert [name for name, _ in events] == ["nightshift_approval_alpha"]
    assert '"product": "alpha"' in events[0][1]
    assert queued == [("promote",)]
