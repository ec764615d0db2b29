"""The drift watch: every hour each product's newest requests against its champion's reference."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, TaskGroup, TriggerRule

from pipelines.config import load_params
from pipelines.layout import find_layout
from pipelines.night.drift import DRIFT_DAG_ID, AskRetrainOperator, WatchLogOperator

DOC = """
### The drift watch

For every product, the window of the prediction log since the last one is held against the champion's reference: inputs,
predictions, missing and new values, volume, estimated and (where outcomes have come in) measured quality, groups.

* **watch** is skipped while a window has too few rows: it grows. A cause that several windows show opens an alarm,
  which is mailed once. An alarm that is open stays silent.
* **ask_retrain** emits an asset event when drift lasts, or a loss is beyond the margin: `nightly_retrain` runs for that
  product alone. Otherwise it is skipped.

By hand: `nightshift watch PRODUCT --log`. More: `docs/watching.md`.
"""


def build(root: Path) -> DAG:
    """The DAG of the checkout at ``root``."""
    params = load_params(root / "params.yaml")
    common = {
        "owner": "nightshift",
        "retries": params.night.retries,
        "retry_delay": timedelta(seconds=params.night.retry_delay_seconds),
        "execution_timeout": timedelta(minutes=params.night.stage_timeout_minutes),
    }
    with DAG(
        DRIFT_DAG_ID,
        dag_display_name="Drift watch",
        description="Hold every product's newest requests against what its champion was proved on",
        doc_md=DOC,
        schedule=params.night.watch_schedule,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=common,
        tags=["nightshift"],
    ) as dag:
        for name, product in params.products.items():
            with TaskGroup(name, tooltip=product.title):
                watch = WatchLogOperator(
                    task_id="watch",
                    root=str(root),
                    product=name,
                    doc_md="The window since the last one, judged; skipped while it has too few rows.",
                )
                ask = AskRetrainOperator(
                    task_id="ask_retrain",
                    root=str(root),
                    product=name,
                    trigger_rule=TriggerRule.NONE_FAILED,
                    doc_md="Starts `nightly_retrain` for this product when its drift lasts; otherwise skipped.",
                )
                watch >> ask
    return dag


dag = build(find_layout(Path(__file__).parent).root)
