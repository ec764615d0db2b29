from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.night.names import lane_tasks

HEAVY = (
    "pandas", "numpy", "torch", "transformers", "great_expectations", "lightgbm", "sklearn", "dvc", "bentoml",
    "evidently", "matplotlib", "scipy", "pyarrow", "onnx", "onnxruntime", "optuna",
)  # fmt: skip


@pytest.fixture(scope="module")
def module(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("nightly_retrain_under_test", root / "dags" / "nightly_retrain.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def dag(module: ModuleType) -> Any:
    return module.dag


def test_every_lane_has_every_task_between_plan_and_scoreboard(root: Path, dag: Any) -> None:
    params = load_params(root / "params.yaml")
    expected = {task.task_id for name in params.products for task in lane_tasks(params, name)}
    assert set(dag.task_ids) == expected | {"plan", "scoreboard"}
    assert dag.get_task("plan").downstream_task_ids == {f"{name}.snapshot" for name in params.products}
    for name in params.products:
        order = [task for task in lane_tasks(params, name) if task.step != "train"]
        for before, after in itertools.pairwise(order):
            if (before.step, after.step) != ("prepare", "evaluate"):
                assert after.task_id in dag.get_task(before.task_id).downstream_task_ids
        for task in lane_tasks(params, name):
            if task.step == "train":
                operator = dag.get_task(task.task_id)
                assert operator.upstream_task_ids == {f"{name}.prepare"}
                assert operator.downstream_task_ids == {f"{name}.evaluate", "scoreboard"}


def test_no_lane_waits_for_another(root: Path, dag: Any) -> None:
    for name in load_params(root / "params.yaml").products:
        for task_id in dag.task_ids:
            if task_id.startswith(f"{name}."):
                others = dag.get_task(task_id).get_flat_relative_ids(upstream=True) - {"plan"}
                assert all(other.startswith(f"{name}.") for other in others)


def test_every_task_says_what_it_does_and_ends_at_last(root: Path, dag: Any) -> None:
    limit = timedelta(minutes=load_params(root / "params.yaml").night.stage_timeout_minutes)
    assert "plan" in dag.doc_md
    for operator in dag.tasks:
        assert operator.doc_md, operator.task_id
        assert operator.execution_timeout > limit, operator.task_id
        assert operator.pool == "default_pool", operator.task_id


def test_one_night_at_a_time_by_schedule_without_catching_up(root: Path, dag: Any) -> None:
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.timetable.timetable.expression == load_params(root / "params.yaml").night.schedule
    assert {"products", "data", "as_of", "force"} == set(dag.params)


def test_the_scoreboard_runs_whatever_happened_and_is_not_tried_again(dag: Any) -> None:
    board = dag.get_task("scoreboard")
    assert board.trigger_rule == "all_done"
    assert board.retries == 0
    assert not board.on_failure_callback
    assert dag.get_task("plan").on_failure_callback


def test_trainings_use_the_gpu_pool_where_the_profile_says_cuda(module: ModuleType, project: Layout) -> None:
    content = yaml.safe_load(project.params.read_text())
    content["profile"]["device"] = "cuda"
    project.params.write_text(yaml.safe_dump(content, sort_keys=False))
    dag = module.build(project.root)
    pools = {task.task_id: task.pool for task in dag.tasks}
    assert {pool for task, pool in pools.items() if ".train_" in task} == {"gpu"}
    assert {pool for task, pool in pools.items() if ".train_" not in task} == {"default_pool"}


@pytest.mark.parametrize("given", [{"data": "everything"}, {"as_of": "tomorrow"}, {"products": "credit_risk"}])
def test_a_wrong_parameter_is_refused_before_anything_starts(dag: Any, given: dict[str, object]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    stored.params.deep_merge({"data": "all", "as_of": "2026-11-24", "products": ["credit_risk"]}).validate()
    with pytest.raises(Exception, match="Invalid input for param"):
        stored.params.deep_merge(given).validate()


def test_parsing_imports_nothing_heavy(root: Path, tmp_path: Path) -> None:
    code = f"""
import sys
import airflow.sdk
from airflow.sdk import DAG, BaseOperator, Param, SkipMixin, TaskGroup, TriggerRule, chain
before = set(sys.modules)
sys.path.insert(0, {str(root / "dags")!r})
import nightly_retrain
new = {{name.split(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new & set({HEAVY!r})))
"""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip().splitlines()[-1:] in ([], [""])


def test_airflow_stores_the_dag_without_a_complaint(dag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert set(stored.task_dict) == set(dag.task_ids)
