"""What a night costs beyond its stages.

python benchmarks/night_overhead.py                 Airflow's share per task, beside dag.test(), on empty lanes
python benchmarks/night_overhead.py --noop 40       a night with nothing to do, for that many products
python benchmarks/night_overhead.py --real demo     a night from nothing beside its bare stage commands

Everything runs in temporary folders; nothing of this checkout is touched.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import tiny_project  # noqa: E402

from pipelines.config import load_params  # noqa: E402
from pipelines.layout import Layout  # noqa: E402
from pipelines.night.names import lane_tasks  # noqa: E402
from pipelines.night.plan import fingerprints  # noqa: E402
from pipelines.night.summary import read_summary  # noqa: E402

TASK_LINE = re.compile(r"\s+\d+:\d\d\s+(\S+)\s+([\d.]+) s  done")

DAG_TEST = """
import os, sys, time
from pathlib import Path
from pipelines.layout import Layout
from pipelines.night.airflow_env import airflow_environment, apply, migrate
layout = Layout(Path.cwd())
apply(layout)
migrate(layout, airflow_environment(layout))
sys.path.insert(0, "dags")
import nightly_retrain
run = nightly_retrain.dag.test(run_conf={"data": "all", "force": True})
print("STATE", run.state)
"""


def empty_lanes() -> None:
    """A night of two lanes whose stages do nothing: with our runner, and with dag.test()."""
    with tempfile.TemporaryDirectory() as folder:
        layout = tiny_project.make_tiny(Path(folder) / "tiny")
        tiny_project.nightshift(layout, "airflow", "version")  # migrates the database
        for parallel in (1, 2):
            if parallel > 1:
                shutil.rmtree(layout.lane("alpha"))
                shutil.rmtree(layout.lane("beta"))
                shutil.rmtree(layout.root / ".dvc" / "cache", ignore_errors=True)
                (layout.root / "dvc.lock").unlink()
            seconds, output = _timed(layout, "night", "--data", "all", "--force", "--parallel", str(parallel))
            spans = {name: float(took) for name, took in TASK_LINE.findall(output)}
            summary = read_summary(layout, max(path.name for path in layout.nights.iterdir()))
            assert summary is not None
            steps = {f"{lane.product}.{name}": took for lane in summary.lanes for name, took in lane.seconds.items()}
            beyond = [spans[name] - took for name, took in steps.items() if name in spans and took > 0]
            print(
                f"night, {parallel} at once: {seconds:5.1f} s for {len(spans)} tasks; "
                f"Airflow's share per task {statistics.median(beyond):.2f} s (median)"
            )
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", DAG_TEST], cwd=layout.root, env=tiny_project.environment(layout),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        state = "success" if "STATE success" in done.stdout else f"not finished: {done.stderr[-300:]}"
        print(f"dag.test():        {time.perf_counter() - started:5.1f} s, every stage cached; {state}")


def nothing_to_do(products: int) -> None:
    """A night in which no lane has changed. Stages have as many dependencies as the real ones."""
    names = tuple(f"lane_{number}" for number in range(products))
    with tempfile.TemporaryDirectory() as folder:
        layout = tiny_project.make_tiny(Path(folder) / "tiny", names, ("one", "two"), code_files=25)
        tiny_project.nightshift(layout, "airflow", "version")
        tiny_project.nightshift(layout, "snapshot", "--data", "all", "--as-of", datetime.now(UTC).date().isoformat())
        _build(layout)
        _record_as_finished(layout)
        for name in ("first", "second"):
            seconds, output = _timed(layout, "night", "--data", "all")
            unchanged = output.count(" unchanged ")
            print(f"nothing to do, {products} products, {name} time: {seconds:.1f} s ({unchanged} lanes unchanged)")


def _build(layout: Layout) -> None:
    """What `dvc repro` would leave, with ``dvc.lock`` written once: 40 lanes would take DVC half an hour."""
    from dvc.repo import Repo

    params = load_params(layout.params)
    for product in params.products:
        for task in lane_tasks(params, product):
            if task.dvc_target:
                command = [sys.executable, "tiny_stage.py", *task.dvc_target.split("@")]
                subprocess.run(command, cwd=layout.root, check=True, stdout=subprocess.DEVNULL)
    with contextlib.chdir(layout.root), Repo(str(layout.root)) as repo, repo.lock:
        stages = list(repo.index.stages)
        for stage in stages:
            stage.save()
            stage.commit()
        stages[0].dvcfile._lockfile.dump_stages(stages)
    lines = len((layout.root / "dvc.lock").read_text().splitlines())
    print(f"built {len(stages)} stages; dvc.lock has {lines:,} lines")


def _record_as_finished(layout: Layout) -> None:
    from pipelines.records.scoreboard import Lane, put_lane, start_night
    from pipelines.records.store import open_records

    params = load_params(layout.params)
    prints = fingerprints(layout, params, params.products)
    records = open_records(layout.records_url)
    start_night(records, "n0")
    for name in params.products:
        put_lane(records, Lane("n0", name, "passed", numbers={"fingerprint": prints[name]}))
    records.close()


def real(data: str) -> None:
    """One night from an empty state folder, and before it the same stages bare, one command after the other."""
    with tempfile.TemporaryDirectory() as folder:
        bare, night = (_copy(Path(folder) / name) for name in ("bare", "night"))
        params = load_params(bare.params)
        total, before = 0.0, _cpu()
        for product in params.select(data):
            _timed(bare, "snapshot", product, "--as-of", datetime.now(UTC).date().isoformat())
            for task in lane_tasks(params, product):
                if task.dvc_target:
                    seconds, _ = _timed(bare, "run", *task.dvc_target.split("@"))
                    print(f"  bare {task.task_id:<40} {seconds:6.1f} s")
                    total += seconds
        bare_cpu, before = _cpu() - before, _cpu()
        seconds, output = _timed(night, "night", "--data", data)
        night_cpu = _cpu() - before
        print(output)
        summary = read_summary(night, max(path.name for path in night.nights.iterdir()))
        assert summary is not None
        outside = sum(lane.seconds.get(name, 0.0) for lane in summary.lanes for name in ("release", "watch"))
        print(f"bare stages {total:.1f} s; night {seconds:.1f} s, of which release and watch {outside:.1f} s")
        print(f"processor time: bare stages {bare_cpu:.1f} s, night with release and watch {night_cpu:.1f} s")
        print(f"ratio of the night to its bare stages, release and watch: {seconds / (total + outside):.2f}")


def _cpu() -> float:
    """Processor seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _copy(folder: Path) -> Layout:
    """This checkout's tracked files and environment, with an empty state."""
    folder.mkdir()
    for name in ("pipelines", "dags", "expectations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", "dvc.yaml", ".dvcignore", ".gitignore", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    return Layout(folder)


def _timed(layout: Layout, *arguments: str) -> tuple[float, str]:
    started = time.perf_counter()
    environment = tiny_project.environment(layout)
    if not (layout.root / "fakes").exists():
        environment |= {"PYTHONPATH": str(layout.root)}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=layout.root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return time.perf_counter() - started, done.stdout


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noop", type=int, metavar="PRODUCTS", help="a night with nothing to do")
    parser.add_argument("--real", choices=("demo", "public", "all"), help="the real lanes")
    arguments = parser.parse_args()
    if arguments.noop:
        nothing_to_do(arguments.noop)
    elif arguments.real:
        real(arguments.real)
    else:
        empty_lanes()


if __name__ == "__main__":
    main()
