"""Faults inside a checkout: processes that are killed, files that are lost, damaged or held."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from chaos_tools import LANE, ended, fault, last, night, sleeper, with_sleeping_stage
from tiny_project import behave, environment, start

from pipelines.layout import STAGES, Layout
from pipelines.night.sessions import processes


@fault
def kill_9_of_a_stage(layout: Layout) -> str:
    running = with_sleeping_stage(layout, "prepare")
    os.kill(sleeper(layout), signal.SIGKILL)
    return ended(running)


def _every_stage(layout: Layout, moment: str) -> str:
    """Eight nights, each dying one stage further than the last: each has repaired what the one before left."""
    told = []
    for stage in STAGES:
        instance = f"{LANE}-one" if stage == "train" else LANE
        behave(layout, {f"{stage}@{instance}": {"die": moment}})
        done = night(layout)
        told.append(f"{stage} {done.returncode}")
        if f"killed by signal 9 [{stage}@{instance}]" not in done.stdout:
            raise RuntimeError(f"{stage} did not die: {last(done.stdout + done.stderr)}")
    return f"died by stage: {', '.join(told)}"


@fault
def kill_9_before_the_outs_are_renamed(layout: Layout) -> str:
    return _every_stage(layout, "before")


@fault
def kill_9_while_the_outs_are_renamed(layout: Layout) -> str:
    return _every_stage(layout, "during")


@fault
def kill_9_after_the_outs_are_renamed(layout: Layout) -> str:
    return _every_stage(layout, "after")


@fault
def kill_9_of_a_step(layout: Layout) -> str:
    running = with_sleeping_stage(layout, "validate")
    sleeper(layout)
    for pid in _processes(layout, "pipelines.night.worker"):
        os.kill(pid, signal.SIGKILL)
    return ended(running)


@fault
def kill_9_of_the_scheduler(layout: Layout) -> str:
    running = with_sleeping_stage(layout, "label", "--scheduler")
    sleeper(layout)
    for pid in _processes(layout, "airflow scheduler"):
        os.kill(pid, signal.SIGKILL)
    return ended(running)


@fault
def kill_9_of_the_night(layout: Layout) -> str:
    running = with_sleeping_stage(layout, "label")
    sleeper(layout)
    running.send_signal(signal.SIGKILL)
    return ended(running)


@fault
def kill_9_of_everything(layout: Layout) -> str:
    running = with_sleeping_stage(layout, "evaluate")
    sleeper(layout)
    running.kill()
    for pid in _processes(layout, ""):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return ended(running)


@fault
def outputs_half_written(layout: Layout) -> str:
    night(layout)
    for path in list(layout.lane(LANE).rglob("verdict.json"))[:3]:
        path.unlink()
        path.write_bytes(b'{"gate"')
    return "three outs of the lane were cut short after the night"


@fault
def lane_folder_lost(layout: Layout) -> str:
    night(layout)
    shutil.rmtree(layout.lane(LANE))
    return "the lane's folder was removed after the night"


@fault
def corrupted_cache(layout: Layout) -> str:
    night(layout)
    for path in (layout.root / ".dvc" / "cache" / "files" / "md5").glob("??/*"):
        path.chmod(0o644)
        path.write_bytes(b"garbage")
    shutil.rmtree(layout.lane(LANE))
    return "every object of the cache was overwritten, the lane removed"


@fault
def cache_lost(layout: Layout) -> str:
    night(layout)
    shutil.rmtree(layout.root / ".dvc" / "cache")
    shutil.rmtree(layout.lane(LANE))
    return "the cache and the lane were removed"


@fault
def dvc_lock_cut_short(layout: Layout) -> str:
    night(layout)
    lock = layout.root / "dvc.lock"
    lock.write_bytes(lock.read_bytes()[: lock.stat().st_size // 2])
    return "half of dvc.lock was left"


@fault
def dvc_rwlock_garbage(layout: Layout) -> str:
    night(layout)
    (layout.root / ".dvc" / "tmp" / "rwlock").write_text('{"half')
    return "DVC's own lock file was left half-written"


@fault
def records_lost(layout: Layout) -> str:
    night(layout)
    for path in layout.state.glob("records.db*"):
        path.unlink()
    return "the records database was removed"


@fault
def airflow_database_lost(layout: Layout) -> str:
    night(layout)
    for path in layout.airflow_home.glob("*.db*"):
        path.unlink()
    return "Airflow's database was removed"


@fault
def records_locked_for_a_while(layout: Layout) -> str:
    night(layout)
    import sqlite3

    holder = sqlite3.connect(layout.state / "records.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    behave(layout, {f"label@{LANE}": {"reason": "other"}})
    running = start(layout, "night", "--product", LANE)
    time.sleep(6)
    holder.rollback()
    holder.close()
    return ended(running, 120)


@fault
def two_nights_at_once(layout: Layout) -> str:
    running = with_sleeping_stage(layout, "fetch")
    sleeper(layout)
    second = night(layout)
    os.kill(sleeper(layout), signal.SIGKILL)
    ended(running)
    return f"the second: exit {second.returncode}: {last(second.stderr)}"


@fault
def the_same_stage_twice_at_once(layout: Layout) -> str:
    behave(layout, {f"fetch@{LANE}": {"sleep": 3}})
    night(layout, "--force")
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-f", "-s", f"fetch@{LANE}"]
    both = [
        subprocess.Popen(
            command, cwd=layout.root, env=environment(layout), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    return "exit " + " and ".join(str(process.wait(120)) for process in both)


@fault
def half_a_line_in_the_log(layout: Layout) -> str:
    running = with_sleeping_stage(layout, "fetch", sleep_seconds=4)
    sleeper(layout)
    logs = [path for path in layout.airflow_home.rglob("attempt=1.log") if f"{LANE}.fetch" in str(path)]
    for path in logs:
        with path.open("ab") as stream:
            stream.write(b'{"event": "hal')
    return f"{len(logs)} log cut in its line; {ended(running)}"


def _processes(layout: Layout, words: str) -> list[int]:
    """Processes that work in the checkout, with these words on their command line."""
    found = []
    for pid in processes():
        with contextlib.suppress(OSError):
            inside = Path(f"/proc/{pid}/cwd").resolve().is_relative_to(layout.root)
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            if inside and words.encode() in line and pid != os.getpid():
                found.append(pid)
    return found
