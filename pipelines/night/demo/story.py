"""The demo's course of events: one production day after the other, each judged by the DAG ``drift_watch``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.config import Params, load_params
from pipelines.errors import StageError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.monitoring.simulate import simulate_day
from pipelines.night.airflow_env import DAG_ID
from pipelines.night.api import AirflowApi
from pipelines.night.demo.checkout import DAYS_SINCE, PRODUCT, ROWS_PER_DAY, SHIFT, environment, make_checkout
from pipelines.night.drift import DRIFT_DAG_ID
from pipelines.night.services import free_port
from pipelines.process import kill_tree
from pipelines.records import alarms, registry
from pipelines.records.store import open_records

STEADY_DAYS, MOST_SHIFTED_DAYS, RECOVERED_DAYS = 3, 4, 3
FEEDBACK = 0.7
UP_SECONDS, ROUND_SECONDS, RETRAIN_SECONDS = 300.0, 300.0, 1200.0


@dataclass
class Story:
    """One run of the demo; ``events`` are ``(UTC ISO time, kind)`` for the picture.

    ``stopped`` says whether somebody wants it to end; then everything it started is ended too.
    """

    source: Layout
    folder: Path
    today: date
    stopped: Callable[[], bool]
    began: float = field(default_factory=time.monotonic)
    events: list[tuple[str, str]] = field(default_factory=list)
    days: int = 0

    def __post_init__(self) -> None:
        self.layout = Layout(self.folder)

    def say(self, line: str) -> None:
        """One line with the seconds since the start."""
        print(f"{time.monotonic() - self.began:5.0f} s  {line}", flush=True)

    def play(self) -> None:
        """From a fresh checkout to a model that has recovered.

        Raises:
            StageError: a part did not do what it should: no alarm, no retraining, no promotion.
        """
        self.layout = make_checkout(self.source, self.folder, self.today)
        self.say(f"a checkout of its own in {self.folder}, its contract widened for the delays of the changed world")
        before = self.today - timedelta(days=DAYS_SINCE)
        self._nightshift("night", "--data", "demo", "--as-of", before.isoformat())
        self.say(f"first night, as of {before}: version {self._champion()} is the champion")
        with self._up() as api:
            params = load_params(self.layout.params)
            for _ in range(STEADY_DAYS):
                self._day(api, params, "none")
            self._drift(api, params)
            old = self._champion()
            self._retrain(api)
            if self._champion() == old:
                raise _failed("the retrained model was not promoted", "see the night's release step")
            self._mark("promoted")
            self.say(f"version {self._champion()} is the champion")
            for _ in range(RECOVERED_DAYS):
                self._day(api, params, SHIFT)
        records = open_records(self.layout.records_url)
        still = [alarm.cause for alarm in alarms.open_alarms(records, PRODUCT)]
        records.close()
        self.say("alarms still open: " + (", ".join(still) or "none"))

    def _drift(self, api: AirflowApi, params: Params) -> None:
        for _ in range(MOST_SHIFTED_DAYS):
            if self._day(api, params, SHIFT):
                return
        raise _failed("drift did not ask for a retraining", "see .nightshift/logs of the demo's checkout")

    def _day(self, api: AirflowApi, params: Params, shift: str) -> bool:
        """Send one production day, judge it; whether it asked for a retraining."""
        self.days += 1
        day = self.today + timedelta(days=self.days)
        address = f"http://{params.service.host}:{params.service.port}"
        sent = simulate_day(self.layout, params, PRODUCT, day, shift, ROWS_PER_DAY, FEEDBACK, address)
        run = f"demo_{self.days}"
        body = {"dag_run_id": run, "logical_date": None, "run_after": _now()}
        api.call("POST", f"/api/v2/dags/{DRIFT_DAG_ID}/dagRuns", body)
        self._wait(api, DRIFT_DAG_ID, run, ROUND_SECONDS)
        records = open_records(self.layout.records_url)
        window = alarms.last_window(records, PRODUCT)
        asked = alarms.all_retrains(records, PRODUCT)
        opened = [one for one in alarms.all_alarms(records, PRODUCT) if window and one.opened_at == window.until]
        records.close()
        if window is None:
            raise _failed("the drift watch judged nothing", "see the task's log")
        measured = window.numbers.get("measured") or {}
        value = f", measured {measured['name']} {measured['window']:.3f}" if measured else ""
        shows = f", shows {', '.join(window.causes)}" if window.causes else ""
        self.say(f"day {self.days} ({shift}), {sent.rows:,} rows: {window.status}{value}{shows}")
        if any(alarm.mail for alarm in opened):
            self._mark("alarm")
            mails = sorted(path.name for path in self.layout.outbox.rglob("*alarm.eml"))
            self.say(f"alarm: {', '.join(alarm.cause for alarm in opened)}; mail {mails[-1] if mails else 'sent'}")
        if asked and window.until == asked[-1].asked_at:
            self._mark("retrain")
            return True
        return False

    def _retrain(self, api: AirflowApi) -> None:
        """Follow the night that the asset event has started."""
        until = time.monotonic() + RETRAIN_SECONDS
        while time.monotonic() < until:
            self._check()
            runs = api.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns")["dag_runs"]
            started = [run for run in runs if run["run_type"] == "asset_triggered"]
            if started:
                run = str(started[0]["dag_run_id"])
                self.say(f"the asset event has started {DAG_ID}")
                self._wait(api, DAG_ID, run, RETRAIN_SECONDS)
                self.say(f"{DAG_ID} has ended")
                return
            time.sleep(1.0)
        raise _failed("the asset event started no night", "see the scheduler's log in the demo's checkout")

    def _wait(self, api: AirflowApi, dag: str, run: str, seconds: float) -> None:
        import urllib.parse

        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._check()
            state = str(api.call("GET", f"/api/v2/dags/{dag}/dagRuns/{urllib.parse.quote(run)}")["state"])
            if state == "success":
                return
            if state == "failed":
                raise _failed(f"{dag} failed", "see its tasks' logs in the demo's checkout")
            time.sleep(0.5)
        raise _failed(f"{dag} took longer than {seconds:.0f} s", "see its tasks' logs in the demo's checkout")

    def _nightshift(self, *arguments: str) -> None:
        log = self.layout.logs / f"demo-{arguments[0]}.log"
        process = self._start(log, *arguments)
        try:
            while process.poll() is None:
                self._check()
                time.sleep(0.2)
        finally:
            self._end(process)
        if process.returncode != 0:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise _failed(f"nightshift {arguments[0]} failed: {' '.join(last)}", f"see {log}")

    @contextlib.contextmanager
    def _up(self) -> Iterator[AirflowApi]:
        """Airflow and the service as ``nightshift up`` starts them, on free ports; stopped at the end."""
        params = load_params(self.layout.params)
        ports = ["--ui-port", str(free_port()), "--reports-port", str(free_port())]
        log = self.layout.logs / "demo-up.log"
        process = self._start(log, "up", "--service-port", str(params.service.port), *ports)
        try:
            address = self._address(process, log)
            self.say(f"up: Airflow {address}, service on port {params.service.port}")
            with _home_of(self.layout):
                yield AirflowApi(self.layout, address)
        finally:
            self._end(process)

    def _start(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli", *arguments],
                cwd=self.layout.root,
                env=environment(self.source, self.layout),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """SIGTERM, and SIGKILL to it and all it started when that is not heard."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        if process.poll() is None:
            kill_tree(process.pid)
            process.wait()

    def _address(self, process: subprocess.Popen[bytes], log: Path) -> str:
        path, until = self.layout.state / "up.json", time.monotonic() + UP_SECONDS
        while time.monotonic() < until and process.poll() is None:
            self._check()
            if path.is_file():
                return str(read_json(path)["airflow"])
            time.sleep(0.5)
        raise _failed("`nightshift up` did not become ready", f"see {log}")

    def _check(self) -> None:
        if self.stopped():
            raise KeyboardInterrupt

    def _champion(self) -> str:
        records = open_records(self.layout.records_url)
        version = registry.champion(records, PRODUCT)
        records.close()
        if version is None:
            raise _failed("no model was promoted", "see the night's log in the demo's checkout")
        return version

    def _mark(self, kind: str) -> None:
        self.events.append((_now(), kind))


@contextlib.contextmanager
def _home_of(layout: Layout) -> Iterator[None]:
    """This process' Airflow home is the demo's: its login is looked for there."""
    before = os.environ.get("AIRFLOW_HOME")
    os.environ["AIRFLOW_HOME"] = str(layout.airflow_home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["AIRFLOW_HOME"]
        else:
            os.environ["AIRFLOW_HOME"] = before


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failed(what: str, next_step: str, **where: Any) -> StageError:
    return StageError(f"demo: {what}", where=where, next_step=next_step)
