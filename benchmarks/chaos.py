"""Faults, and whether the next night repairs itself: its lanes must end with the bytes of a night without a fault.

    python benchmarks/chaos.py [--only NAME ...]

Each fault strikes a small checkout of its own (real git, DVC and Airflow, stages that take no time; see
tests/tiny_project.py). A fault passes when the night that it strikes says so or survives it, when the next night needs
no person, and when the lanes then hold the bytes of a clean run. Faults that need a mount are skipped where none is
allowed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from tiny_project import behave, environment, make_tiny, nightshift, start  # noqa: E402

from pipelines.files import sha256_tree  # noqa: E402
from pipelines.layout import Layout  # noqa: E402

LANE = "alpha"
FAULTS: dict[str, Callable[[Layout], str]] = {}


class Skipped(Exception):  # noqa: N818 - not an error
    """The fault cannot be made here."""


def fault(function: Callable[[Layout], str]) -> Callable[[Layout], str]:
    """Register a fault: it strikes, and says what the struck night did."""
    FAULTS[function.__name__] = function
    return function


def _night(layout: Layout, *options: str) -> subprocess.CompletedProcess[str]:
    return nightshift(layout, "night", "--product", LANE, *options)


def _wait(condition: Callable[[], bool], seconds: float = 240.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the moment of the fault did not come")
        time.sleep(0.05)


def _sleeper(layout: Layout) -> int:
    """The process id of the stage that sleeps, once there is one."""
    mark = layout.root / "sleeping.txt"
    _wait(lambda: mark.is_file() and mark.read_text().isdigit())
    return int(mark.read_text())


def _with_sleeping_stage(layout: Layout, stage: str) -> subprocess.Popen[str]:
    (layout.root / "sleeping.txt").unlink(missing_ok=True)
    behave(layout, {f"{stage}@{LANE}": {"sleep": 300}})
    return start(layout, "night", "--product", LANE)


def _ended(running: subprocess.Popen[str], seconds: float = 240.0) -> str:
    output, _ = running.communicate(timeout=seconds)
    return f"exit {running.returncode}: {_last(output)}"


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    failed = [line for line in lines if ": " in line and "->" in line]
    return (failed or lines or ["no word"])[-1][:110]


@fault
def kill_9_of_a_stage(layout: Layout) -> str:
    running = _with_sleeping_stage(layout, "prepare")
    os.kill(_sleeper(layout), signal.SIGKILL)
    return _ended(running)


@fault
def kill_9_of_the_night(layout: Layout) -> str:
    running = _with_sleeping_stage(layout, "label")
    _sleeper(layout)
    running.send_signal(signal.SIGKILL)
    return _ended(running)


@fault
def kill_9_of_everything(layout: Layout) -> str:
    running = _with_sleeping_stage(layout, "evaluate")
    _sleeper(layout)
    subprocess.run(["pkill", "-9", "-f", str(layout.root)], check=False)
    running.kill()
    return _ended(running)


@fault
def outputs_half_written(layout: Layout) -> str:
    _night(layout)
    for path in list(layout.lane(LANE).rglob("verdict.json"))[:3]:
        path.unlink()
        path.write_bytes(b'{"gate"')
    return "three outs of the lane were cut short after the night"


@fault
def lane_folder_lost(layout: Layout) -> str:
    _night(layout)
    shutil.rmtree(layout.lane(LANE))
    return "the lane's folder was removed after the night"


@fault
def corrupted_cache(layout: Layout) -> str:
    _night(layout)
    for path in (layout.root / ".dvc" / "cache" / "files" / "md5").glob("??/*"):
        path.chmod(0o644)
        path.write_bytes(b"garbage")
    shutil.rmtree(layout.lane(LANE))
    return "every object of the cache was overwritten, the lane removed"


@fault
def cache_lost(layout: Layout) -> str:
    _night(layout)
    shutil.rmtree(layout.root / ".dvc" / "cache")
    shutil.rmtree(layout.lane(LANE))
    return "the cache and the lane were removed"


@fault
def dvc_lock_cut_short(layout: Layout) -> str:
    _night(layout)
    lock = layout.root / "dvc.lock"
    lock.write_bytes(lock.read_bytes()[: lock.stat().st_size // 2])
    return "half of dvc.lock was left"


@fault
def dvc_rwlock_garbage(layout: Layout) -> str:
    _night(layout)
    (layout.root / ".dvc" / "tmp" / "rwlock").write_text('{"half')
    return "DVC's own lock file was left half-written"


@fault
def records_lost(layout: Layout) -> str:
    _night(layout)
    for path in layout.state.glob("records.db*"):
        path.unlink()
    return "the records database was removed"


@fault
def airflow_database_lost(layout: Layout) -> str:
    _night(layout)
    for path in layout.airflow_home.glob("*.db*"):
        path.unlink()
    return "Airflow's database was removed"


@fault
def records_locked_for_a_while(layout: Layout) -> str:
    _night(layout)
    import sqlite3

    holder = sqlite3.connect(layout.state / "records.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    behave(layout, {f"label@{LANE}": {"reason": "other"}})
    running = start(layout, "night", "--product", LANE)
    time.sleep(6)
    holder.rollback()
    holder.close()
    return _ended(running, 120)


@fault
def two_nights_at_once(layout: Layout) -> str:
    running = _with_sleeping_stage(layout, "fetch")
    _sleeper(layout)
    second = _night(layout)
    os.kill(_sleeper(layout), signal.SIGKILL)
    _ended(running)
    return f"the second: exit {second.returncode}: {_last(second.stderr)}"


@fault
def the_same_stage_twice_at_once(layout: Layout) -> str:
    behave(layout, {f"fetch@{LANE}": {"sleep": 3}})
    _night(layout, "--force")
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-f", "-s", f"fetch@{LANE}"]
    both = [
        subprocess.Popen(
            command, cwd=layout.root, env=environment(layout), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    return "exit " + " and ".join(str(process.wait(120)) for process in both)


@fault
def remote_gone(layout: Layout) -> str:
    subprocess.run(
        [sys.executable, "-m", "dvc", "remote", "add", "-d", "gone", "/proc/nowhere/store"],
        cwd=layout.root, check=True, capture_output=True,
    )  # fmt: skip
    return f"exit {_night(layout).returncode}"


@fault
def full_disk(layout: Layout) -> str:
    lanes = layout.state / "lanes"
    lanes.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", "size=16k", "tmpfs", str(lanes))
    try:
        return f"exit {(done := _night(layout)).returncode}: {_last(done.stdout)}"
    finally:
        subprocess.run(["umount", "-l", str(lanes)], check=True)


@fault
def read_only_cache(layout: Layout) -> str:
    cache = layout.root / ".dvc" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(cache), str(cache))
    try:
        _mount("-o", "remount,bind,ro", str(cache))
        return f"exit {(done := _night(layout)).returncode}: {_last(done.stdout)}"
    finally:
        subprocess.run(["umount", "-l", str(cache)], check=True)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(done.stderr.strip())


def _bytes(layout: Layout) -> dict[str, str]:
    """A calm night with the plain behaviour, and what its lane then holds."""
    (layout.root / "sleeping.txt").unlink(missing_ok=True)
    behave(layout, {})
    done = _night(layout)
    if done.returncode:
        raise RuntimeError(f"the next night did not pass: {_last(done.stdout + done.stderr)}")
    return sha256_tree(layout.lane(LANE))


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(FAULTS), default=list(FAULTS))
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="nightshift-chaos-") as folder:
        clean = _bytes(make_tiny(Path(folder) / "clean", products=(LANE,), models=("one",)))
        print(f"{'fault':30} {'next night':28} seconds  the struck night")
        for name in arguments.only:
            layout = make_tiny(Path(folder) / name, products=(LANE,), models=("one",))
            began = time.monotonic()
            try:
                told = FAULTS[name](layout)
                word = "same bytes" if _bytes(layout) == clean else "OTHER BYTES"
            except Skipped as reason:
                word, told = "skipped", str(reason)
            except (RuntimeError, TimeoutError) as error:
                word, told = "NOT REPAIRED", str(error)
            bad += word.isupper()
            print(f"{name:30} {word:28} {time.monotonic() - began:7.1f}  {told}", flush=True)
    print(f"{len(arguments.only)} faults, {bad} not survived")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
