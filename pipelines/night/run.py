"""``nightshift night``: one night in this process, or through the runner that is up already."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from pipelines.config import load_params
from pipelines.errors import EXIT_BLOCKED, EXIT_OK, BusyError, ConfigError, StageError
from pipelines.layout import Layout
from pipelines.night.airflow_env import DAG_ID, PARALLELISM, airflow_environment, apply, migrate
from pipelines.night.display import Display
from pipelines.night.names import night_id
from pipelines.night.plan import select
from pipelines.night.repair import repair_dvc
from pipelines.night.scoreboard import render
from pipelines.night.summary import read_summary
from pipelines.process import exclusive

RUNNER = "a night or `nightshift up`"


def runner_lock(layout: Layout) -> Path:
    """Held by whoever runs tasks for this Airflow home: ``night`` in its process, or ``up``."""
    return layout.locks / "runner.lock"


def run_night(
    layout: Layout,
    data: str,
    products: Sequence[str] = (),
    as_of: str | None = None,
    force: bool = False,
    parallel: int | None = None,
    scheduler: bool = False,
) -> int:
    """One night from plan to scoreboard; prints as it goes.

    Args:
        layout: the checkout.
        data: ``demo``, ``public`` or ``all``.
        products: only these; none means all of the set.
        as_of: read sources up to this day, ``YYYY-MM-DD``; None means today, UTC.
        force: run lanes in which nothing has changed too.
        parallel: tasks at once; None means the default.
        scheduler: under a real scheduler that is started for it, instead of in this process.

    Returns:
        0 when every lane passed or was unchanged, else ``EXIT_BLOCKED``.

    Raises:
        NightshiftError: the night cannot start.
    """
    select(load_params(layout.params), data, products)
    check_day(as_of)
    run_id = new_run_id(layout)
    conf: dict[str, Any] = {"data": data, "products": list(products), "as_of": as_of, "force": force}
    display = Display(sys.stdout)
    if scheduler:
        from pipelines.night.under_scheduler import run_under_scheduler

        with _interruptible():
            run_id, state = run_under_scheduler(layout, conf, display, parallel or PARALLELISM)
        return report(layout, run_id, state)
    try:
        with exclusive(runner_lock(layout), RUNNER):
            state = _in_process(layout, run_id, conf, parallel or PARALLELISM, display)
    except BusyError as busy:
        from pipelines.night.up import running_address

        address = running_address(layout)
        if address is None:
            raise busy from None
        from pipelines.night.api import follow_run

        display.say(f"night {night_id(run_id)}, where Airflow is up: {address}")
        state = follow_run(layout, address, run_id, conf, display)
    return report(layout, run_id, state)


def check_day(as_of: str | None) -> None:
    """Raises:
    ConfigError: not a day.
    """
    try:
        date.fromisoformat(as_of or "2026-01-01")
    except ValueError as error:
        raise ConfigError(f"{as_of!r} is not a day", next_step="write it as YYYY-MM-DD") from error


def report(layout: Layout, run_id: str, state: str) -> int:
    """Print the scoreboard of a night that has ended; the exit status.

    Raises:
        StageError: the night ended without a scoreboard.
    """
    summary = read_summary(layout, night_id(run_id))
    if summary is None:
        raise StageError(
            f"the night ended as {state} without a scoreboard",
            where={"night": night_id(run_id)},
            next_step="look into .nightshift/logs and the task's log in Airflow's UI",
        )
    sys.stdout.write(f"\n{render(summary)}")
    sys.stdout.flush()
    return EXIT_OK if state == "success" and not summary.failed else EXIT_BLOCKED


def new_run_id(layout: Layout) -> str:
    """``night_2026-11-24_083000``, UTC; with a counter when that second is taken."""
    base = datetime.now(UTC).strftime("night_%Y-%m-%d_%H%M%S")
    taken = [base, *(f"{base}_{number}" for number in range(2, 100))]
    return next(name for name in taken if not layout.night(name).exists())


def _in_process(layout: Layout, run_id: str, conf: dict[str, Any], parallel: int, display: Display) -> str:
    apply(layout, parallelism=parallel)
    migrate(layout, airflow_environment(layout))
    with _interruptible(), _noise_into(layout.logs / "airflow-night.log") as terminal:
        display.stream = terminal
        from airflow import settings

        settings.initialize()
        from pipelines.night.airflow_db import fail_stale_runs, prepare_pools
        from pipelines.night.inprocess import InProcessRun

        for stale in fail_stale_runs(DAG_ID):
            display.say(f"{stale} was left unfinished by a runner that is gone: marked failed")
        for line in repair_dvc(layout):
            display.say(line)
        prepare_pools(layout)
        display.say(f"night {night_id(run_id)}")
        try:
            return InProcessRun(layout, DAG_ID, parallel, display).run(run_id, conf)
        except BaseException:
            _record_broken(layout, night_id(run_id))
            raise
        finally:
            display.close()
            display.stream = sys.stdout


def _record_broken(layout: Layout, night: str) -> None:
    from pipelines.errors import RecordsError
    from pipelines.records.scoreboard import end_night
    from pipelines.records.store import open_records

    records = open_records(layout.records_url)
    try:
        with contextlib.suppress(RecordsError):  # the plan had not come so far as to record it
            end_night(records, night, "failed")
    finally:
        records.close()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end a night as Ctrl-C does: with its tasks ended and marked failed."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _noise_into(path: Path) -> Iterator[TextIO]:
    """Send standard output and error of this process and its forks into a file; yields the real standard output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    terminal = os.fdopen(os.dup(kept[0]), "w", encoding="utf-8", errors="replace")
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        terminal.flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for handle in (*kept, log):
            os.close(handle)
