"""The night: every product's lane from source to drift mail. Made from params.yaml; nothing heavy is imported."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, TaskGroup, TriggerRule, chain

from pipelines.config import Params, load_params
from pipelines.layout import find_layout
from pipelines.night.airflow_env import DAG_ID
from pipelines.night.approval import MAY_WAIT, ReleaseOperator
from pipelines.night.drift import any_drift
from pipelines.night.names import PLAN, SCOREBOARD, LaneTask, lane_tasks
from pipelines.night.operators import LaneOperator, PlanOperator, ScoreboardOperator, mail_failure

GRACE = timedelta(minutes=2)  # the step ends itself at its limit; Airflow's limit is for a step that cannot

DOC = """
### The night

Every product of `params.yaml` has a lane: its source is pinned, then the stages of `dvc.yaml` run through DVC, then
the packaged model is proved, promoted and watched.

* **plan** pins the sources and asks DVC once which lanes have changed; the others are skipped and start nothing.
* A **lane** stops where a gate blocks or a step fails; the other lanes go on.
* **scoreboard** shows how each lane ended; it fails when one of them did.

Drift that lasts starts a night of its own for one product (`drift_watch`, an asset event); then the plan takes its
products from the event.

By hand: `make nightly`, or *Trigger* above with `products`, `data` and `as_of`. More: `docs/orchestration.md`.
"""

STEP_DOCS = {
    "snapshot": "Pins what changes by itself: the source up to `as_of`, people's labels, matured feedback.",
    "fetch": "All rows as the source has them, one Parquet, and where they come from.",
    "validate": "The data contract, by Great Expectations. Bad rows go to quarantine with a reason each.",
    "label": "Which rows have a label, and how far it can be trusted.",
    "prepare": "Duplicates, leakage, the split, and features with a fixed schema.",
    "train": "One candidate model.",
    "evaluate": "Metrics with intervals, calibration, slices and fairness; the best model or an ensemble is chosen.",
    "export": "The chosen model as it is served, equal in its numbers.",
    "package": "One bundle with a manifest: everything that the service needs.",
    "release": "The packaged model is started as it will be served, held against the champion, and promoted if it may.",
    "watch": "An answer from the running service, the drift report of a production day, and the mail.",
}

PARAMS = {
    "products": Param([], type="array", items={"type": "string"}, title="Products", description="none: all of the set"),
    "data": Param("demo", enum=["demo", "public", "all"], title="Set of data"),
    "as_of": Param(None, type=["null", "string"], format="date", title="Read sources up to this day"),
    "force": Param(False, type="boolean", title="Also lanes in which nothing has changed"),
}


def build(root: Path) -> DAG:
    """The DAG of the checkout at ``root``."""
    params = load_params(root / "params.yaml")
    limit = timedelta(minutes=params.night.stage_timeout_minutes)
    common: dict[str, Any] = {
        "owner": "nightshift",
        "retries": params.night.retries,
        "retry_delay": timedelta(seconds=params.night.retry_delay_seconds),
        "execution_timeout": limit + GRACE,
        "on_failure_callback": mail_failure,
    }
    with DAG(
        DAG_ID,
        dag_display_name="Nightly retrain",
        description="Retrain, prove, release and watch every product's models",
        doc_md=DOC,
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(params.night.schedule, timezone="UTC"), assets=any_drift(params.products)
        ),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params=PARAMS,
        default_args=common,
        tags=["nightshift"],
    ) as dag:
        plan = PlanOperator(task_id=PLAN, root=str(root), doc_md="Which lanes have changed since their last night.")
        board = ScoreboardOperator(
            task_id=SCOREBOARD,
            root=str(root),
            doc_md="How each lane ended: rows, chosen model, key metric with its interval, gates, seconds, reports.",
            trigger_rule=TriggerRule.ALL_DONE,
            retries=0,
            on_failure_callback=None,
        )
        for name, product in params.products.items():
            with TaskGroup(name, tooltip=f"{product.title}: {product.requirements.decision}"):
                operators = {task: _task(root, params, task) for task in lane_tasks(params, name)}
            first, ends = _chain(operators)
            plan >> first
            ends >> board
    return dag


def _chain(operators: dict[LaneTask, LaneOperator]) -> tuple[LaneOperator, list[LaneOperator]]:
    """Set the lane's order: a chain with the candidates side by side in its middle.

    Returns:
        The first task, and those that the scoreboard waits for: the last one, and every candidate (when one fails,
        the last task is given up at once, while another candidate still runs).
    """
    trained = [operator for task, operator in operators.items() if task.step == "train"]
    chained = [operator for task, operator in operators.items() if task.step != "train"]
    steps = [task.step for task in operators if task.step != "train"]
    after = steps.index("evaluate")
    chain(*chained[:after], trained, *chained[after:])
    return chained[0], [*trained, chained[-1]]


def _task(root: Path, params: Params, task: LaneTask) -> LaneOperator:
    gpu = task.step == "train" and params.profile.device == "cuda"
    document = STEP_DOCS[task.step]
    if task.dvc_target:
        document += f"\n\nBy hand: `.venv/bin/dvc repro -s {task.dvc_target}`"
    release = task.step == "release"
    return (ReleaseOperator if release else LaneOperator)(
        task_id=task.name,
        root=str(root),
        product=task.product,
        step=task.step,
        model=task.model,
        pool="gpu" if gpu else "default_pool",
        doc_md=document,
        outlets=[MAY_WAIT] if release else [],
    )


dag = build(find_layout(Path(__file__).parent).root)
