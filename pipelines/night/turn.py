"""One night after the other: Airflow counts the runs of a backfill apart from a DAG's ``max_active_runs``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowRescheduleException

from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.night.names import night_id
from pipelines.night.notes import night_records

ACTIVE = ["running", "queued"]
LOOK_SECONDS = 10


def await_turn(layout: Layout, context: Any) -> None:
    """Take the turn, or give the task's slot back and look again a while later.

    A turn that its run has not given back (it was killed, or marked failed by hand) is taken over.

    Raises:
        AirflowRescheduleException: another night runs.
        AirflowException: the records cannot be asked; tried again.
    """
    from pipelines.records.turns import take_turn

    ti, run_id = context["ti"], str(context["run_id"])
    night = night_id(run_id)
    try:
        records = night_records(layout)
        try:
            holder = take_turn(records, ti.dag_id, run_id, night)
            if holder != run_id and not ti.get_dr_count(dag_id=ti.dag_id, run_ids=[holder], states=ACTIVE):
                holder = take_turn(records, ti.dag_id, run_id, night, instead_of=holder)
        finally:
            records.close()
    except NightshiftError as error:
        raise AirflowException(error.line()) from None
    if holder != run_id:
        print(f"waits for its turn: {holder} runs", flush=True)
        raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=LOOK_SECONDS))


def give_turn(layout: Layout, context: Any) -> None:
    """Let the next night begin. Where the records cannot be written it finds out by itself that this one has ended."""
    from pipelines.records import turns

    try:
        records = night_records(layout)
        try:
            turns.give_turn(records, context["ti"].dag_id, str(context["run_id"]))
        finally:
            records.close()
    except NightshiftError as error:
        print(error.line(), flush=True)
