"""Requests per second and latency of the service with its log on, beside plain BentoML and a minimal FastAPI app.

The same bundle, the same one-row payloads, one worker each, all started at once and measured in turn, round by round,
so that whatever else the machine does meets all of them; ratios are of the same round, the median over the rounds. CPU
is that of the server's processes. Then two workers under load while the champion is moved: time until the new version
answers, until the old one answers for the last time in any worker, and the p99 near the moves beside that of the rest.

    python benchmarks/serving_throughput.py [--product credit_risk_demo] [--seconds 2] [--rounds 3]
        [--connections 1 16 64] [--moves 6]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import serving_load
from serving_latency import bundle_in, move, twin
from serving_load import Load

from pipelines.blocks.operations import Service
from pipelines.bundle import read_manifest
from pipelines.errors import NightshiftError
from pipelines.files import read_json
from pipelines.layout import Layout, find_layout
from pipelines.records import registry
from pipelines.records.predictions import count
from pipelines.records.registry import Version
from pipelines.records.store import open_records
from pipelines.serving.launch import descendants, free_port, resident_mb, running, stop

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
OURS, BENTO, FASTAPI = "nightshift, log on", "plain BentoML", "minimal FastAPI"
NEAR_SECONDS = 1.5  # after a move: by then every worker has loaded the other version
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    path: str
    pid: int

    def cpu_seconds(self) -> float:
        """Of all its processes until now."""
        return sum(_cpu(pid) for pid in (self.pid, *descendants(self.pid)))

    def worker_mb(self) -> float:
        """Resident memory of its largest process, MiB."""
        return max(resident_mb(pid) for pid in (self.pid, *descendants(self.pid)))

    def load(self, bodies: list[bytes], connections: int, seconds: float) -> tuple[Load, float]:
        """What came back, and CPU milliseconds per request."""
        before = self.cpu_seconds()
        found = serving_load.run(HOST, self.port, self.path, bodies, connections, seconds)
        if set(found.statuses) != {200} or found.lost:
            raise SystemExit(f"{self.name}: statuses {found.statuses}, {found.lost} connections lost")
        return found, 1e3 * (self.cpu_seconds() - before) / len(found.seconds)


def _cpu(pid: int) -> float:
    try:
        parts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / TICKS


@contextlib.contextmanager
def plain(name: str, product: str, bundle: Path) -> Iterator[Server]:
    """One of the two that the service is held against."""
    port = free_port()
    here = str(Path(__file__).parent)
    lines = {
        BENTO: ["bentoml", "serve", "serving_plain_bentoml:Plain", "--working-dir", here],
        FASTAPI: ["uvicorn", "serving_plain_fastapi:app", "--app-dir", here, "--no-access-log", "--log-level", "error"],
    }
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{here}",
            "BENTOML_HOME": home,
            "BENTOML_DO_NOT_TRACK": "True",
            "OMP_NUM_THREADS": "1",
            "BENCHMARK_PRODUCT": product,
            "BENCHMARK_BUNDLE": str(bundle),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", *lines[name], "--host", HOST, "--port", str(port)], env=environment, cwd=here,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(port, process)
            yield Server(name, port, "/predict", process.pid)
        finally:
            stop(process)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            if serving_load.run(HOST, port, "/predict", [b'{"rows": []}'], 1, 0.0).seconds:
                return
        time.sleep(0.2)
    raise SystemExit("a server to compare with did not start")


def compare(servers: list[Server], bodies: list[bytes], connections: int, seconds: float, rounds: int) -> None:
    """Print one line per server."""
    rates: dict[str, list[float]] = {server.name: [] for server in servers}
    cpu: dict[str, list[float]] = {server.name: [] for server in servers}
    loads: dict[str, list[Load]] = {server.name: [] for server in servers}
    for turn in range(rounds):
        for place in range(len(servers)):
            server = servers[(place + turn) % len(servers)]
            found, milliseconds = server.load(bodies, connections, seconds)
            rates[server.name].append(found.rate)
            cpu[server.name].append(milliseconds)
            loads[server.name].append(found)
    for server in servers:
        name = server.name
        p50, p99 = (statistics.median(load.percentile(share) for load in loads[name]) for share in (0.5, 0.99))
        ratio = statistics.median(mine / theirs for mine, theirs in zip(rates[OURS], rates[name], strict=True))
        print(
            f"{f'{name}, {connections} connections':38} {statistics.median(rates[name]):7.0f} requests/s"
            f"  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  CPU {statistics.median(cpu[name]):6.3f} ms/request"
            + ("" if name == OURS else f"  nightshift answers {ratio:.2f} times as many")
        )


def moves(layout: Layout, product: str, version: str, bodies: list[bytes], times: int) -> None:
    """Two workers under load while the champion moves; print how soon all follow, and what it costs."""
    records = open_records(layout.records_url)
    names = [version, twin(layout, product, version)]
    for name in names:
        registry.add_version(records, Version(product, name, "benchmark"))
    records.close()
    move(layout, product, names[0], None)
    found: list[Load] = []
    with running(layout, None, Service(workers=2)) as service:
        path = f"/v1/{product}/predict"
        serving_load.run(HOST, service.port, path, bodies, 8, 2.0)
        before = [_cpu(worker) for worker in service.workers()]
        seconds = 3.5 * times + 3
        loader = threading.Thread(
            target=lambda: found.append(serving_load.run(HOST, service.port, path, bodies, 8, seconds, watched=True))
        )
        loader.start()
        time.sleep(3)
        moved: list[tuple[float, str]] = []
        for turn in range(times):
            to = names[(turn + 1) % 2]
            move(layout, product, to, names[turn % 2])
            moved.append((time.monotonic(), to))
            time.sleep(3.5)
        loader.join()
        busy = sum(_cpu(worker) > mark + 0.5 for worker, mark in zip(service.workers(), before, strict=True))
    _report_moves(found[0], moved, busy)


def _report_moves(load: Load, moved: list[tuple[float, str]], busy: int) -> None:
    first, last = [], []
    for place, (at, to) in enumerate(moved):
        end = moved[place + 1][0] if place + 1 < len(moved) else float("inf")
        span = [(t, v == to.encode()) for t, v in zip(load.ended, load.versions, strict=True) if at <= t < end]
        first.append(min(t for t, new in span if new) - at)
        last.append(max((t for t, new in span if not new), default=at) - at)

    def is_near(t: float) -> bool:
        return any(0 <= t - at < NEAR_SECONDS for at, _ in moved)

    timed = list(zip(load.ended, load.seconds, strict=True))
    near, rest = [s for t, s in timed if is_near(t)], [s for t, s in timed if not is_near(t)]
    near_p99, rest_p99 = (1e3 * sorted(part)[int(0.99 * len(part))] for part in (near, rest))
    print(
        f"{len(moved)} moves, {busy} busy workers, {len(load.seconds)} requests, "
        f"statuses {load.statuses}, lost {load.lost}"
    )
    print(
        f"{'promotion to the first new answer':38} {statistics.median(first):7.2f} s median {max(first):7.2f} s worst"
    )
    print(f"{'promotion to the last old answer':38} {statistics.median(last):7.2f} s median {max(last):7.2f} s worst")
    print(f"{'p99 near a move, of the rest':38} {near_p99:7.2f} ms {rest_p99:7.2f} ms  ratio {near_p99 / rest_p99:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--product", default="credit_risk_demo")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load per server and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--moves", type=int, default=6, help="of the champion under load; 0: none")
    given = parser.parse_args()

    here = find_layout()
    source = bundle_in(here, given.product)
    version = read_manifest(source).version
    with tempfile.TemporaryDirectory(prefix="nightshift-throughput-") as name:
        layout = Layout(Path(name))
        shutil.copyfile(here.params, layout.params)
        bundle = Path(shutil.copytree(source, layout.bundle(given.product, version)))
        rows: list[Any] = read_json(bundle / "golden.json")["rows"]
        bodies = [json.dumps({"rows": [row]}).encode() for row in rows]
        print(
            f"{given.product} {version}, one row per request, {given.rounds} rounds of {given.seconds:g} s, one worker"
        )
        with contextlib.ExitStack() as servers:
            ours = servers.enter_context(running(layout, {given.product: bundle}, Service(), log=True))
            line_up = [
                Server(OURS, ours.port, f"/v1/{given.product}/predict", ours.process.pid),
                servers.enter_context(plain(BENTO, given.product, bundle)),
                servers.enter_context(plain(FASTAPI, given.product, bundle)),
            ]
            for server in line_up:
                server.load(bodies, 8, 1.0)
            for connections in given.connections:
                compare(line_up, bodies, connections, given.seconds, given.rounds)
            for server in line_up:
                print(f"{f'{server.name}, memory of the worker':38} {server.worker_mb():7.0f} MiB")
        log = open_records(layout.log_url)
        print(f"{'rows in the prediction log':38} {count(log, given.product, '', '9999'):7d}")
        log.close()
        if given.moves:
            moves(layout, given.product, version, bodies, given.moves)


if __name__ == "__main__":
    try:
        main()
    except NightshiftError as error:
        sys.exit(f"serving_throughput: {error.line()}")
