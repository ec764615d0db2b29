"""A person's approval, apart from the night: started by its asset event, waits for an answer, then acts on it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, AssetAny, Param, TaskGroup, chain

from pipelines.config import Params, load_params
from pipelines.layout import find_layout
from pipelines.night.approval import KEEP, PROMOTE, PROMOTE_DAG_ID, AnswerOperator, QuestionOperator, waits

DOC = """
### May the new model take over?

Where `release.promote` is `approval`, a night ends with *waits for approval* and this DAG asks a person: **question**
shows what `nightshift plan` prints, **ask** waits under *Required Actions*, **answer** does what was said.

No answer within `release.approval_hours` means that the champion stays. A version that was declined is not asked about
again; `nightshift promote PRODUCT VERSION` still promotes it. `nightshift history PRODUCT` says who answered.

By hand: *Trigger* with `product`.
"""


def build(root: Path) -> DAG:
    """The DAG of the checkout at ``root``."""
    params = load_params(root / "params.yaml")
    with DAG(
        PROMOTE_DAG_ID,
        dag_display_name="Promote",
        description="Ask a person whether a packaged model may take over",
        doc_md=DOC,
        schedule=AssetAny(*map(waits, params.products)),
        catchup=False,
        max_active_runs=16,
        is_paused_upon_creation=False,
        params={"product": Param(None, type=["null", "string"], title="Product", description="none: the night's")},
        default_args={
            "owner": "nightshift",
            "retries": params.night.retries,
            "retry_delay": timedelta(seconds=params.night.retry_delay_seconds),
        },
        tags=["nightshift"],
    ) as dag:
        for name, product in params.products.items():
            with TaskGroup(name, tooltip=product.title):
                _approval(root, params, name)
    return dag


def _approval(root: Path, params: Params, product: str) -> None:
    hours = params.products[product].release.approval_hours
    limit = timedelta(minutes=params.night.stage_timeout_minutes + 2)
    asked = f"ti.xcom_pull(task_ids='{product}.question')"
    chain(
        QuestionOperator(task_id="question", root=str(root), product=product, execution_timeout=limit),
        HITLOperator(
            task_id="ask",
            subject="{{ " + asked + "['subject'] }}",
            body="{{ " + asked + "['body'] }}",
            options=[PROMOTE, KEEP],
            defaults=[KEEP],
            params={"why": Param("", type="string", title="Why", description="a sentence for the history")},
            response_timeout=timedelta(hours=hours),
        ),
        AnswerOperator(task_id="answer", root=str(root), product=product, hours=hours, execution_timeout=limit),
    )


dag = build(find_layout(Path(__file__).parent).root)
