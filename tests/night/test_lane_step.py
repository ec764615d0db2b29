from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from tiny_project import behave, environment, make_tiny

from pipelines.files import write_json
from pipelines.layout import Layout
from pipelines.night.lane_step import LaneStep, StepResult, read_note
from pipelines.night.names import LaneTask

FETCH = LaneTask("alpha", "fetch")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    layout = make_tiny(tmp_path / "tiny")
    write_json(layout.snapshot("alpha") / "pin.json", {"day": "2026-11-24"})
    for name, value in environment(layout).items():
        monkeypatch.setenv(name, value)
    return layout


def step(layout: Layout, task: LaneTask = FETCH, timeout: float = 60.0) -> tuple[LaneStep, list[str]]:
    lines: list[str] = []
    return LaneStep(layout, "n1", task, "2026-11-24", timeout, lines.append), lines


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(path: Path, seconds: float = 20.0) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"no {path.name} within {seconds} s")


def test_a_stage_runs_once_and_is_found_done_the_second_time(tiny: Layout) -> None:
    first, lines = step(tiny)
    result = first.run()
    assert (result.status, result.line, result.facts["cached"]) == ("passed", "fetch: passed", False)
    assert "tiny fetch of alpha" in lines  # the stage's own output, live
    assert read_note(tiny, "n1", FETCH) == result
    again, _ = step(tiny)
    assert again.run().facts["cached"] is True


def test_a_blocked_gate_is_read_from_the_verdict_though_dvc_has_ended_well(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"status": "blocked", "reason": "no rows", "next_step": "look at the source"}})
    result = step(tiny)[0].run()
    assert (result.status, result.transient) == ("blocked", False)
    assert result.line == "blocked: no rows -> look at the source"


def test_the_line_of_a_failing_stage_is_its_own(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"error": "no column AGE [file=x.csv] -> mend the file", "code": 65}})
    result = step(tiny)[0].run()
    assert (result.status, result.transient) == ("failed", False)
    assert result.line == "no column AGE [file=x.csv] -> mend the file"


def test_exit_75_may_be_tried_again(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"error": "the disk is busy -> wait", "code": 75}})
    result = step(tiny)[0].run()
    assert (result.status, result.transient, result.line) == ("failed", True, "the disk is busy -> wait")


def test_a_dvc_file_that_another_dvc_holds_may_be_tried_again(tiny: Layout) -> None:
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    content = json.dumps({"write": {str(tiny.stage("fetch", "alpha")): holder}})
    (tiny.root / ".dvc" / "tmp").mkdir(exist_ok=True)
    (tiny.root / ".dvc" / "tmp" / "rwlock").write_text(content)
    result = step(tiny)[0].run()
    assert (result.status, result.transient) == ("failed", True)
    assert "busy" in result.line


@pytest.mark.slow
def test_a_stage_that_takes_too_long_is_ended_with_all_its_processes(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"sleep": 60}})
    result = step(tiny, timeout=4.0)[0].run()
    assert (result.status, result.transient) == ("failed", False)
    assert "took longer than" in result.line
    assert "night.stage_timeout_minutes" in result.line
    assert not is_running(int(wait_for(tiny.root / "sleeping.txt")))
    behave(tiny, {})
    assert step(tiny)[0].run().status == "passed"


@pytest.mark.slow
def test_kill_9_of_dvc_leaves_no_orphan_stage_and_the_next_run_passes(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"sleep": 60}})
    made, _ = step(tiny)
    results: list[StepResult] = []
    thread = threading.Thread(target=lambda: results.append(made.run()))
    thread.start()
    stage = int(wait_for(tiny.root / "sleeping.txt"))
    assert made.child is not None
    assert made.child._process is not None
    os.kill(made.child._process.pid, signal.SIGKILL)
    thread.join(20)
    assert "signal 9" in results[0].line
    until = time.monotonic() + 5
    while is_running(stage) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(stage)
    behave(tiny, {})
    assert step(tiny)[0].run().status == "passed"


def test_a_step_that_is_ended_from_outside_says_so(tiny: Layout) -> None:
    behave(tiny, {"fetch@alpha": {"sleep": 60}})
    made, _ = step(tiny)

    def end() -> None:
        wait_for(tiny.root / "sleeping.txt")
        made.end()

    threading.Thread(target=end).start()
    result = made.run()
    assert result.status == "failed"
    assert "start the night again" in result.line


def test_release_and_watch_run_apart_and_their_words_are_kept(tiny: Layout) -> None:
    released = step(tiny, LaneTask("alpha", "release"))[0].run()
    assert (released.status, released.line) == ("passed", "alpha promoted")
    assert released.facts["verdicts"] == [["smoke", "passed"]]
    watched = step(tiny, LaneTask("alpha", "watch"))[0].run()
    assert watched.line == "no drift"
    assert watched.facts["reports"][0] == ".nightshift/nights/n1/alpha/drift/report.html"
