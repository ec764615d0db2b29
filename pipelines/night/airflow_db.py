"""Runs and pools in Airflow's database. Airflow must be initialised; hold the runner's lock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.config import load_params
from pipelines.layout import Layout

GPU_POOL = "gpu"
FINISHED = {"success", "failed", "skipped", "upstream_failed", "removed"}


def mark_failed(run: Any, session: Any) -> None:
    """A run whose runner is gone: its unfinished tasks and the run itself become failed."""
    from airflow.utils.state import DagRunState

    now = datetime.now(UTC)
    for ti in run.get_task_instances(session=session):
        if ti.state is None or str(ti.state) not in FINISHED:
            active = str(ti.state) in {"running", "queued", "scheduled", "up_for_retry", "deferred", "restarting"}
            ti.state = "failed" if active else "upstream_failed"
            ti.end_date = ti.end_date or now
    run.state = DagRunState.FAILED
    run.end_date = run.end_date or now
    session.commit()


def fail_stale_runs(dag_id: str) -> list[str]:
    """Mark failed what a killed runner left as running; the run ids. Call it only with the runner's lock held."""
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    session = settings.Session()
    try:
        query = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.state.in_(["running", "queued"]))
        runs = list(session.scalars(query))
        for run in runs:
            mark_failed(run, session)
        return [str(run.run_id) for run in runs]
    finally:
        session.close()


def ensure_pool(name: str, slots: int, description: str) -> None:
    """Create an Airflow pool if it is not there; one that a person has changed stays."""
    from airflow import settings
    from airflow.models.pool import Pool
    from sqlalchemy.exc import IntegrityError

    session = settings.Session()
    try:
        if Pool.get_pool(name, session=session) is None:
            Pool.create_or_update_pool(name, slots, description, include_deferred=False, session=session)
            session.commit()
    except IntegrityError:  # another component, starting at the same moment, was first
        session.rollback()
    finally:
        session.close()


def prepare_pools(layout: Layout) -> None:
    """The ``gpu`` pool, one training at a time, where the profile says cuda."""
    if load_params(layout.params).profile.device == "cuda":
        ensure_pool(GPU_POOL, 1, "Trainings at once on the GPU")
