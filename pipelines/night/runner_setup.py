"""``python -m pipelines.night.runner_setup``: what a runner does to Airflow's database before its first task."""

from __future__ import annotations

from pipelines.layout import find_layout
from pipelines.night.airflow_env import DAG_ID


def main() -> None:
    """Initialise Airflow, fail stale runs, and mend what a killed DVC has left."""
    layout = find_layout()
    from airflow import settings

    settings.initialize()
    from pipelines.night.airflow_db import fail_stale_runs
    from pipelines.night.repair import repair_dvc
    from pipelines.night.shared import is_shared

    for run_id in [] if is_shared() else fail_stale_runs(DAG_ID):  # workers elsewhere may still run them
        print(f"{run_id} was left unfinished by a runner that is gone: marked failed")
    for line in repair_dvc(layout):
        print(line)


if __name__ == "__main__":
    main()
