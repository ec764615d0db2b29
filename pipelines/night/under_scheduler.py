"""One night under a real scheduler with LocalExecutor: Airflow's parts are started for it, and stopped after it."""

from __future__ import annotations

from typing import Any

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.night.airflow_env import LOCALHOST, PARALLELISM
from pipelines.night.api import follow_run
from pipelines.night.display import Display
from pipelines.night.plan import select
from pipelines.night.services import Services, free_port
from pipelines.process import exclusive

PARTS = ("api-server", "scheduler", "dag-processor")
HEALTHY_SECONDS = 180.0


def run_under_scheduler(
    layout: Layout, conf: dict[str, Any], display: Display, parallel: int = PARALLELISM
) -> tuple[str, str]:
    """Start scheduler, DAG processor and API server on loopback, run one night, stop them.

    Args:
        conf: ``data``, ``products``, ``as_of``, ``force``: the DAG's parameters.
        parallel: tasks at once.

    Returns:
        The run id and Airflow's final state.

    Raises:
        NightshiftError: a part did not start, or the run could not be triggered.
    """
    from pipelines.night.run import RUNNER, new_run_id, runner_lock
    from pipelines.night.up import airflow_services, prepare_runner

    select(load_params(layout.params), conf["data"], conf["products"])
    port = free_port()
    address = f"http://{LOCALHOST}:{port}"
    with exclusive(runner_lock(layout), RUNNER):
        run_id = new_run_id(layout)
        environment = prepare_runner(layout, port, parallel)
        with Services(layout.root, environment) as services:
            for part in airflow_services(layout, address, PARTS):
                services.start(part)
            services.wait_healthy(HEALTHY_SECONDS)
            return run_id, follow_run(layout, address, run_id, conf, display, services.check)
