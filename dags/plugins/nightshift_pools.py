"""Makes the pool of the trainings wherever a scheduler runs this DAGs folder: without it they would wait for ever."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


@hookimpl
def on_starting(component: Any) -> None:
    """Called as a component of Airflow starts: a job (scheduler and so on; which one is not known yet), or a task."""
    from airflow.jobs.job import Job

    if isinstance(component, Job):
        from pipelines.layout import find_layout
        from pipelines.night.airflow_db import prepare_pools

        prepare_pools(find_layout(Path(__file__).parent))


class NightshiftPools(AirflowPlugin):
    """The plugin that holds the listener."""

    name = "nightshift_pools"
    listeners = (sys.modules[__name__],)
