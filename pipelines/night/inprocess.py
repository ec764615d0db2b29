"""One run of one DAG without a scheduler: Airflow's own state machine, each task under Airflow's own supervisor.

``dag.test()`` does the same one task at a time inside this process; here a task is forked, so it has a log that the
UI shows, a time limit that works, and neighbours. What decides which task may run is ``DagRun.update_state``, as in
the scheduler. The Execution API is Airflow's, in process: no server is started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import StageError
from pipelines.layout import Layout
from pipelines.night.airflow_db import mark_failed
from pipelines.night.display import Display
from pipelines.night.supervised import supervise, warm_up
from pipelines.process import kill_tree, stop_requests

POLL_SECONDS = 0.03
RETRY_POLL_SECONDS = 1.0  # how often a task that waits for its next try is looked at
STOP_SECONDS = 8.0  # from SIGTERM to SIGKILL of a running task


@dataclass
class Running:
    """A forked supervisor of one task."""

    task_id: str
    pool: str
    started: float = field(default_factory=time.monotonic)


class InProcessRun:
    """Runs a DAG once. The caller has applied the Airflow environment and holds the runner's lock.

    Args:
        layout: the checkout.
        dag_id: which DAG of the DAGs folder.
        parallel: tasks at once.
        display: told when a task starts and ends, and often in between.
    """

    def __init__(self, layout: Layout, dag_id: str, parallel: int, display: Display) -> None:
        self.layout = layout
        self.dag_id = dag_id
        self.parallel = parallel
        self.display = display
        self.children: dict[int, Running] = {}
        self.logs = Path()
        self.asked: Callable[[], bool] = lambda: False

    def run(self, run_id: str, conf: dict[str, Any]) -> str:
        """Create the run and bring it to its end; Airflow's final state.

        Raises:
            StageError: the DAG cannot be imported.
            KeyboardInterrupt: the run is marked failed and nothing of it is left running.
        """
        from airflow import settings
        from airflow.configuration import conf as configuration

        self.logs = Path(configuration.get("logging", "base_log_folder"))
        dag = self._load()
        warm_up()
        session = settings.Session()
        try:
            run = self._create(dag, run_id, conf, session)
            try:
                with stop_requests() as self.asked:
                    self._loop(run, session)
            except BaseException:
                self._stop()
                session.rollback()
                mark_failed(run, session)
                raise
            return str(run.state)
        finally:
            session.close()

    def _load(self) -> Any:
        """Parse the DAGs folder, store it for the UI, and return the serialized DAG that schedules."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
        from airflow.models.dag import DagModel
        from airflow.serialization.serialized_objects import DagSerialization

        manager = DagBundlesManager()
        manager.sync_bundles_to_db()
        for bundle in manager.get_all_dag_bundles():
            bundle.initialize()
            bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
            sync_bag_to_db(bag, bundle.name, bundle.version)
            if self.dag_id in bag.dags:
                dag = bag.dags[self.dag_id]
                break
        else:
            errors = "; ".join(f"{Path(file).name}: {_last_line(text)}" for file, text in bag.import_errors.items())
            raise StageError(
                f"the DAG {self.dag_id} cannot be loaded: {errors or 'it is not in the DAGs folder'}",
                where={"folder": "dags"},
                next_step="mend the file named above",
            )
        if DagModel.get_current(self.dag_id) is None:
            raise StageError(f"the DAG {self.dag_id} was not stored", next_step="run `nightshift airflow dags list`")
        return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))

    def _create(self, dag: Any, run_id: str, conf: dict[str, Any], session: Any) -> Any:
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        now = datetime.now(UTC)
        run = dag.create_dagrun(
            run_id=run_id,
            run_after=now,
            start_date=now,
            conf=conf,
            run_type=DagRunType.MANUAL,
            state=DagRunState.RUNNING,
            triggered_by=DagRunTriggeredByType.CLI,
            triggering_user_name="nightshift",
            session=session,
        )
        session.commit()
        return run

    def _loop(self, run: Any, session: Any) -> None:
        ready: list[Any] = []
        while True:
            session.expire_all()
            schedulable, _ = run.update_state(session=session)
            for ti in schedulable:
                if str(ti.state) != "up_for_reschedule":
                    ti.try_number += 1
                ti.state = "scheduled"
                ti.scheduled_dttm = datetime.now(UTC)
            session.commit()
            if str(run.state) != "running" and not self.children:
                return
            ready = [ti for ti in run.get_task_instances(session=session) if str(ti.state) == "scheduled"]
            ready.sort(key=lambda ti: (-ti.priority_weight, ti.task_id))
            for ti in ready:
                if len(self.children) < self.parallel and self._pool_has_room(ti, session):
                    self._start(ti, session)
            self._wait(run, session)

    def _pool_has_room(self, ti: Any, session: Any) -> bool:
        from airflow.models.pool import Pool

        pool = Pool.get_pool(ti.pool, session=session)
        busy = sum(running.pool == ti.pool for running in self.children.values())
        return pool is None or pool.slots < 0 or busy + ti.pool_slots <= pool.slots

    def _start(self, ti: Any, session: Any) -> None:
        from airflow.executors.workloads import ExecuteTask

        ti.state = "queued"
        ti.queued_dttm = datetime.now(UTC)
        session.commit()
        workload = ExecuteTask.make(ti)
        running = Running(ti.task_id, ti.pool)
        session.commit()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os._exit(supervise(workload))
        self.children[pid] = running
        self.display.start(running.task_id, self.logs / workload.log_path)

    def _wait(self, run: Any, session: Any) -> None:
        """Until a task has ended, or one that waits for its next try should be looked at.

        With nothing running and nothing to try again, states are still spreading down the lanes: only a breath.
        """
        idle = not self.children and not any(str(ti.state) == "up_for_retry" for ti in run.task_instances)
        until = time.monotonic() + (POLL_SECONDS if idle else RETRY_POLL_SECONDS)
        while True:
            ended = [pid for pid in self.children if os.waitpid(pid, os.WNOHANG)[0] == pid]
            for pid in ended:
                self._close(self.children.pop(pid), run, session)
            if ended or time.monotonic() >= until:
                return
            if self.asked():
                raise KeyboardInterrupt
            self.display.tick()
            time.sleep(POLL_SECONDS)

    def _close(self, running: Running, run: Any, session: Any) -> None:
        session.expire_all()
        ti = run.get_task_instance(running.task_id, session=session)  # by name: a task that tries again has a new id
        if str(ti.state) in {"running", "queued"}:  # its supervisor was killed before it could say how it ended
            ti.state = "failed"
            ti.end_date = datetime.now(UTC)
            session.commit()
        self.display.end(running.task_id, str(ti.state), time.monotonic() - running.started)

    def _stop(self) -> None:
        """SIGTERM to every supervisor, which passes it on; SIGKILL to what is left after a while."""
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while self.children:
            for pid in list(self.children):
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(pid, os.WNOHANG)[0] != pid:
                        continue
                del self.children[pid]
            if self.children and time.monotonic() >= until:
                for pid in self.children:
                    kill_tree(pid)
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, 0)
                self.children.clear()
            time.sleep(POLL_SECONDS)


def _last_line(text: str) -> str:
    lines = [line for line in str(text).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"
