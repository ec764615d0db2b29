"""One task under Airflow's own supervisor, in a fork, with the Execution API in process instead of a server."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import uuid
from typing import Any

from pipelines.process import die_with_parent

NOTICE_SECONDS = 0.03  # how soon the end of a task is noticed


def warm_up() -> None:
    """Import and answer once in here what every supervisor needs, so that each fork starts warm."""
    import airflow.sdk.execution_time.task_runner  # noqa: F401

    with contextlib.closing(_api_client()) as client, contextlib.suppress(Exception):
        client.task_instances.heartbeat(uuid.UUID(int=0), os.getpid())  # refused; the first answer costs seconds
    gc.collect()
    gc.freeze()


def supervise(workload: Any) -> int:
    """In the forked child: Airflow's supervisor with the in-process Execution API. Never returns to the loop."""
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        from airflow.sdk.execution_time import supervisor

        supervisor.ActivitySubprocess = _prompt(supervisor.ActivitySubprocess)
        return int(
            supervisor.supervise_task(
                ti=workload.ti,
                bundle_info=workload.bundle_info,
                dag_rel_path=workload.dag_rel_path,
                token="",
                log_path=workload.log_path,
                client=_api_client(),
            )
        )
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _api_client() -> Any:
    """A client of the Execution API in this process. The application is built once; a fork needs its own event loop."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI
    from airflow.sdk.api.client import Client
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    api = InProcessExecutionAPI()
    api._app = in_process_api_server().app
    client = Client(base_url=None, token="", dry_run=True, transport=api.transport)
    client.base_url = "http://in-process.invalid./"
    return client


def _prompt(base: type) -> type:
    """Airflow's supervisor, noticing at once that its task has ended.

    After the task has closed its channels, the original sleeps up to a heartbeat (5 s) if the process was not yet
    gone at that moment.
    """

    class Prompt(base):  # type: ignore[misc]
        __slots__ = ()

        def _service_subprocess(self, max_wait_time: float, *args: Any, **kwargs: Any) -> Any:
            wait = max_wait_time if self._open_sockets else min(max_wait_time, NOTICE_SECONDS)
            return super()._service_subprocess(wait, *args, **kwargs)

    return Prompt
