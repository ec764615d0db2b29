"""Makes the pool of the trainings wherever a scheduler runs this DAGs folder: without it they would wait for ever."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


@hookimpl
def on_starting(component: Any) -> None:
    """Called as a component of Airflow starts; the scheduler's start creates the pool."""
    if getattr(component, "job_type", None) == "SchedulerJob":  # a task calls it too, with something else
        from pathlib import Path

        from pipelines.layout import find_layout
        from pipelines.night.airflow_db import prepare_pools

        prepare_pools(find_layout(Path(__file__).parent))


class NightshiftPools(AirflowPlugin):
    """The plugin that holds the listener."""

    name = "nightshift_pools"
    listeners = (sys.modules[__name__],)
