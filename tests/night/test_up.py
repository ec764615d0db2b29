"""``nightshift up`` with real processes: Airflow, the service and the reports; a night through it; and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_project import make_tiny, nightshift, start

from pipelines.layout import Layout
from pipelines.night.api import AirflowApi
from pipelines.night.services import free_port

pytestmark = [pytest.mark.night, pytest.mark.service, pytest.mark.slow]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return make_tiny(tmp_path_factory.mktemp("up") / "tiny", ("alpha",), ("one",))


@pytest.fixture(autouse=True)
def no_airflow_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The DAG tests give this process an Airflow home; here it must be the tiny project's own."""
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)


@pytest.fixture
def running(tiny: Layout) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    ports = [str(free_port()) for _ in range(3)]
    process = start(tiny, "up", "--ui-port", ports[0], "--service-port", ports[1], "--reports-port", ports[2])
    note = tiny.state / "up.json"
    note.unlink(missing_ok=True)
    try:
        assert wait_for(lambda: note.exists() or process.poll() is not None, 180)
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        yield process, json.loads(note.read_text())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)
        assert wait_for(lambda: not processes_of(tiny), 30)


def wait_for(condition: object, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.2)
    return bool(condition())  # type: ignore[operator]


def processes_of(layout: Layout) -> list[str]:
    """Command lines of the processes that work in the tiny project or were started for it."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or entry.name == str(os.getpid()):
                continue
            settings = (entry / "environ").read_bytes()
            if f"NIGHTSHIFT_ROOT={layout.root}".encode() in settings.split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def page(address: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=10) as response:
        return str(response.read().decode())


def test_all_parts_answer_a_night_runs_there_and_sigterm_ends_them(
    tiny: Layout, running: tuple[subprocess.Popen[str], dict[str, str]]
) -> None:
    process, note = running
    assert "Airflow" in page(note["airflow"])
    page(f"{note['service']}/livez")  # raises unless it answers 200
    again = nightshift(tiny, "up")
    assert again.returncode == 75
    assert "already running" in again.stderr
    assert f"Airflow is up at {note['airflow']}" in nightshift(tiny, "status").stdout

    night = nightshift(tiny, "night", "--data", "all")
    assert night.returncode == 0, night.stdout + night.stderr
    assert "where Airflow is up" in night.stdout
    assert "alpha.watch" in night.stdout
    assert "drift/report.html" in page(note["reports"])
    api = AirflowApi(tiny, note["airflow"])
    runs = api.call("GET", "/api/v2/dags/nightly_retrain/dagRuns")["dag_runs"]
    assert [run["state"] for run in runs] == ["success"]
    run = runs[0]["dag_run_id"]
    log = api.call("GET", f"/api/v2/dags/nightly_retrain/dagRuns/{run}/taskInstances/alpha.fetch/logs/1")
    assert "tiny fetch of alpha" in json.dumps(log)

    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 0, output
    assert time.monotonic() - started < 20
    assert "login admin" in output
    assert output.rstrip().endswith("stopped")
    assert wait_for(lambda: not processes_of(tiny), 5), processes_of(tiny)


def test_kill_9_leaves_nothing_and_a_part_that_dies_is_named(
    tiny: Layout, running: tuple[subprocess.Popen[str], dict[str, str]]
) -> None:
    process, _ = running
    reports = subprocess.run(["pgrep", "-f", f"report_server {tiny.root}"], capture_output=True, text=True, check=True)
    subprocess.run(["kill", "-9", *reports.stdout.split()], check=True)
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 1
    assert "the report server ended by signal 9" in output
    assert ".nightshift/logs/reports.log" in output
    assert wait_for(lambda: not processes_of(tiny), 5), processes_of(tiny)

    killed = start(tiny, "up", *(f"--{name}-port={free_port()}" for name in ("ui", "service", "reports")))
    assert wait_for(lambda: any("scheduler" in line for line in processes_of(tiny)), 60)
    killed.kill()
    killed.communicate(timeout=40)
    assert wait_for(lambda: not processes_of(tiny), 20), processes_of(tiny)
