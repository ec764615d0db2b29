from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import load_params
from pipelines.layout import STAGES, Layout
from pipelines.night.names import lane_tasks, night_id


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=250))
def test_any_run_id_makes_a_file_name(run_id: str) -> None:
    name = night_id(run_id)
    assert re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,63}", name)
    assert ".." not in name[:2]


def test_a_scheduled_run_keeps_its_time() -> None:
    assert night_id("scheduled__2026-11-24T02:00:00+00:00") == "scheduled__2026-11-24T02-00-00+00-00"
    assert night_id("night_2026-11-24_083000") == "night_2026-11-24_083000"


def test_a_lane_has_every_stage_once_and_a_train_task_per_candidate(project: Layout) -> None:
    params = load_params(project.params)
    tasks = lane_tasks(params, "credit_risk")
    assert [task.step for task in tasks if task.step != "train"] == [
        "snapshot", *(stage for stage in STAGES if stage != "train"), "release", "watch",
    ]  # fmt: skip
    assert [task.name for task in tasks if task.step == "train"] == [
        f"train_{model}" for model in params.candidates_of("credit_risk")
    ]
    assert "train@credit_risk-tabm" in [task.dvc_target for task in tasks]
    assert [task.step for task in tasks if task.dvc_target is None] == ["snapshot", "release", "watch"]
