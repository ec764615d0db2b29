"""Whole nights of two lanes whose stages take no time: through Airflow and DVC as they are, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tiny_project import behave, calls, environment, make_tiny, nightshift, start

from pipelines.layout import Layout
from pipelines.night.summary import NightSummary, read_summary

pytestmark = [pytest.mark.night, pytest.mark.slow]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return make_tiny(tmp_path_factory.mktemp("nights") / "tiny")


def last_night(layout: Layout) -> NightSummary:
    newest = max(layout.nights.iterdir(), key=lambda folder: folder.name)
    summary = read_summary(layout, newest.name)
    assert summary is not None
    return summary


def states(layout: Layout) -> dict[str, str]:
    return {lane.product: lane.status for lane in last_night(layout).lanes}


def processes_of(layout: Layout) -> list[int]:
    """Processes that work in the tiny project."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").resolve().is_relative_to(layout.root):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for(condition: object, seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.1)
    return bool(condition())  # type: ignore[operator]


def logs(layout: Layout, task: str) -> str:
    folder = layout.airflow_home / "logs"
    files = sorted(folder.rglob(f"task_id={task}/*.log"), key=lambda path: path.stat().st_mtime)
    return files[-1].read_text()


def test_a_night_then_a_night_with_nothing_to_do(tiny: Layout) -> None:
    first = nightshift(tiny, "night", "--data", "all")
    assert first.returncode == 0, first.stdout + first.stderr
    assert states(tiny) == {"alpha": "passed", "beta": "passed"}
    assert {line.split()[0] for line in calls(tiny)} == {"release", "watch"}
    assert "tiny fetch of alpha" in logs(tiny, "alpha.fetch")  # the stage's own output is in the log that the UI shows
    before = calls(tiny)
    second = nightshift(tiny, "night", "--data", "all")
    assert second.returncode == 0
    assert states(tiny) == {"alpha": "unchanged", "beta": "unchanged"}
    assert calls(tiny) == before  # no service, report or mail
    assert not (tiny.night(last_night(tiny).night) / "alpha").exists()  # and no task of the lane has started
    status = subprocess.run(["git", "status", "--porcelain"], cwd=tiny.root, capture_output=True, text=True, check=True)
    assert ".nightshift" not in status.stdout


def test_a_blocked_lane_stops_alone_is_mailed_once_and_stays_blocked(tiny: Layout) -> None:
    behave(tiny, {"validate@alpha": {"status": "blocked", "reason": "7% in quarantine", "next_step": "look"}})
    first = nightshift(tiny, "night", "--data", "all")
    assert first.returncode == 1
    assert states(tiny) == {"alpha": "blocked", "beta": "passed"}
    assert "alpha: validate: blocked: 7% in quarantine -> look" in first.stdout
    mails = [line for line in calls(tiny) if line.startswith("mail")]
    assert mails == ["mail alpha validate blocked: 7% in quarantine -> look"]
    second = nightshift(tiny, "night", "--data", "all")
    assert second.returncode == 1
    assert states(tiny) == {"alpha": "blocked", "beta": "unchanged"}
    assert "unchanged since" in second.stdout
    assert [line for line in calls(tiny) if line.startswith("mail")] == mails


def test_a_transient_error_is_tried_again_and_another_is_not(tiny: Layout) -> None:
    behave(
        tiny,
        {
            "label@alpha": {"error": "the disk is busy -> wait", "code": 75},
            "label@beta": {"error": "no labels -> look", "code": 65},
        },
    )
    done = nightshift(tiny, "night", "--data", "all")
    assert done.returncode == 1
    assert "alpha: label: the disk is busy -> wait" in done.stdout
    assert "beta: label: no labels -> look" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if "tries again" in line] == ["alpha.label"]
    behave(tiny, {})
    again = nightshift(tiny, "night", "--data", "all")
    assert again.returncode == 0, again.stdout + again.stderr


def test_one_candidate_that_fails_stops_its_lane_while_the_other_ends(tiny: Layout) -> None:
    behave(tiny, {"train@alpha-one": {"error": "NaN loss -> lower it"}, "train@alpha-two": {"sleep": 3}})
    done = nightshift(tiny, "night", "--product", "alpha")
    assert done.returncode == 1
    assert "alpha: train_one: NaN loss -> lower it" in done.stdout
    lane = last_night(tiny).lanes[0]
    assert "train_two" in lane.seconds  # the scoreboard has waited for it
    behave(tiny, {})
    assert nightshift(tiny, "night", "--data", "all").returncode == 0


def test_a_second_night_is_refused_while_one_runs_and_ctrl_c_leaves_nothing(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"sleep": 60}})
    (tiny.root / "sleeping.txt").unlink(missing_ok=True)
    running = start(tiny, "night", "--product", "alpha")
    assert wait_for((tiny.root / "sleeping.txt").exists)
    refused = nightshift(tiny, "night")
    assert refused.returncode == 75
    assert "is already running" in refused.stderr
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 130, output
    assert wait_for(lambda: not processes_of(tiny), 10), processes_of(tiny)
    behave(tiny, {})


def test_kill_9_of_a_night_leaves_no_process_and_the_next_one_mends_what_it_left(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"sleep": 60}})
    (tiny.root / "sleeping.txt").unlink(missing_ok=True)
    running = start(tiny, "night", "--product", "alpha")
    assert wait_for((tiny.root / "sleeping.txt").exists)
    running.kill()
    running.communicate(timeout=30)
    assert wait_for(lambda: not processes_of(tiny), 10), processes_of(tiny)
    behave(tiny, {})
    done = nightshift(tiny, "night", "--data", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "was left unfinished by a runner that is gone" in done.stdout


def test_a_night_under_a_real_scheduler_runs_two_lanes_at_once_and_makes_the_gpu_pool(tiny: Layout) -> None:
    params = tiny.params.read_text()
    assert "device: cpu" in params
    tiny.params.write_text(params.replace("device: cpu", "device: cuda"))  # trainings wait for ever without the pool
    behave(tiny, {f"{stage}@{lane}": {"sleep": 2} for stage in ("fetch", "validate") for lane in ("alpha", "beta")})
    done = nightshift(tiny, "night", "--data", "all", "--scheduler", seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(tiny) == {"alpha": "passed", "beta": "passed"}
    spans = {}
    for lane in ("alpha", "beta"):
        noted = json.loads((tiny.night(last_night(tiny).night, lane) / "steps" / "validate.json").read_text())
        spans[lane] = (noted["started"], noted["started"] + noted["seconds"])
    assert max(start for start, _ in spans.values()) < min(end for _, end in spans.values())
    assert "gpu" in nightshift(tiny, "airflow", "pools", "list").stdout
    tiny.params.write_text(params)
    assert wait_for(lambda: not processes_of(tiny), 10), processes_of(tiny)


def test_a_wrong_day_or_product_is_refused_in_one_line(tiny: Layout) -> None:
    for arguments, words in ((("--as-of", "tomorrow"), "YYYY-MM-DD"), (("--product", "nobody"), "choose one of")):
        done = nightshift(tiny, "night", *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_dag_file_with_an_error_is_named(tiny: Layout) -> None:
    path = tiny.root / "dags" / "nightly_retrain.py"
    text = path.read_text()
    try:
        path.write_text(text + "\nraise RuntimeError('broken on purpose')\n")
        done = nightshift(tiny, "night")
        assert done.returncode == 1
        assert "broken on purpose" in done.stderr
    finally:
        path.write_text(text)
    assert environment(tiny)["NIGHTSHIFT_ROOT"] == os.fspath(tiny.root)
