from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.night.notes import read_note, write_note
from pipelines.night.shared import is_shared
from pipelines.night.turn import await_turn, give_turn


def context(run_id: str, active: set[str]) -> dict[str, Any]:
    def count(dag_id: str, run_ids: list[str], states: list[str]) -> int:
        return len(active & set(run_ids))

    return {"run_id": run_id, "ti": SimpleNamespace(dag_id="nightly_retrain", get_dr_count=count)}


def test_a_night_waits_for_one_that_runs_and_takes_over_from_one_that_is_gone(tmp_path: Path) -> None:
    from airflow.sdk.exceptions import AirflowRescheduleException

    layout = Layout(tmp_path)
    active = {"backfill"}
    await_turn(layout, context("backfill", active))
    with pytest.raises(AirflowRescheduleException):
        await_turn(layout, context("scheduled", active))
    active.clear()  # killed: marked failed, and the turn never given back
    await_turn(layout, context("scheduled", active))
    give_turn(layout, context("backfill", active))
    active.add("scheduled")
    with pytest.raises(AirflowRescheduleException):
        await_turn(layout, context("third", active))
    give_turn(layout, context("scheduled", active))
    await_turn(layout, context("third", active))


def test_sharing_asks_for_the_right_word_and_for_records_that_all_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTSHIFT_RECORDS_URL", raising=False)
    monkeypatch.delenv("NIGHTSHIFT_SHARED", raising=False)
    assert not is_shared()
    monkeypatch.setenv("NIGHTSHIFT_SHARED", "nfs")
    with pytest.raises(ConfigError, match="'nfs'"):
        is_shared()
    monkeypatch.setenv("NIGHTSHIFT_SHARED", "remote")
    with pytest.raises(ConfigError, match="one records database"):
        is_shared()


def test_a_note_is_read_on_a_machine_that_did_not_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = Layout(tmp_path / "here"), Layout(tmp_path / "there")
    write_note(here, here.night("n") / "plan.json", {"a": 1})
    assert read_note(there, there.night("n") / "plan.json") is None
    monkeypatch.setenv("NIGHTSHIFT_SHARED", "remote")
    monkeypatch.setenv("NIGHTSHIFT_RECORDS_URL", f"sqlite:///{tmp_path / 'records.db'}")
    write_note(here, here.night("n") / "plan.json", {"a": 2})
    assert read_note(there, there.night("n") / "plan.json") == {"a": 2}
    assert read_note(there, there.night("n") / "summary.json") is None
