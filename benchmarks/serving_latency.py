"""The prediction service on one product's bundle, as it is served: start, latency, throughput, memory, swap, Bento.

Uses the champion, or else the packaged bundle of a lane, in a state folder of its own; nothing of the checkout changes.

    python benchmarks/serving_latency.py [--product credit_risk_demo] [--seconds 5] [--connections 1 4 16] [--bento]
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.bundle import read_manifest, write_manifest
from pipelines.config import load_params
from pipelines.errors import ConfigError, NightshiftError
from pipelines.files import read_json
from pipelines.layout import Layout, find_layout
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.store import open_records
from pipelines.release.bento import build
from pipelines.release.registering import keep, packaged
from pipelines.serving.client import Client
from pipelines.serving.launch import Running, resident_mb, running

BATCH = 500  # rows of the large request


def percentile(seconds: list[float], share: float) -> float:
    """A percentile, milliseconds."""
    ordered = sorted(seconds)
    return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def under_load(service: Running, product: str, rows: list[Any], connections: int, seconds: float) -> list[float]:
    """Seconds of every one-row request that ``connections`` clients made, each as fast as it was answered."""
    found: list[list[float]] = [[] for _ in range(connections)]
    until = time.monotonic() + seconds

    def client(place: int) -> None:
        with Client(service.host, service.port) as opened:
            for row in itertools.cycle(rows):
                heard = opened.predict(product, [row])
                if heard.status != 200:
                    raise SystemExit(f"status {heard.status}: {heard.text[:200]}")
                found[place].append(heard.seconds)
                if time.monotonic() > until:
                    return

    threads = [threading.Thread(target=client, args=(place,)) for place in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(itertools.chain.from_iterable(found))


def once(service: Running, product: str, rows: list[Any], explain: bool, times: int) -> float:
    """Median milliseconds of one kind of request."""
    with Client(service.host, service.port) as client:
        return 1e3 * statistics.median(client.predict(product, rows, explain).seconds for _ in range(times))


def swap_seconds(layout: Layout, product: str, version: str, row: Any) -> list[float]:
    """From each move of the pointer to the first answer of the version that it moves to, with one worker."""
    records = open_records(layout.records_url)
    other = twin(layout, product, version)
    for name in (version, other):
        registry.add_version(records, Version(product, name, "benchmark"))
    move(layout, product, version, None)
    found = []
    with running(layout) as service, Client(service.host, service.port) as client:
        current = version
        for _ in range(6):
            to = other if current == version else version
            move(layout, product, to, current)
            began = time.monotonic()
            while client.predict(product, [row]).json()["version"] != to:
                time.sleep(0.005)
            found.append(time.monotonic() - began)
            current = to
    return found


def move(layout: Layout, product: str, to: str, current: str | None) -> None:
    records = open_records(layout.records_url)
    registry.move_champion(records, product, to, kind="promote", who="-", why="-", expected=current)
    records.close()


def twin(layout: Layout, product: str, version: str) -> str:
    """The same model under another version: one more line in its card."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(shutil.copytree(layout.bundle(product, version), Path(name) / "bundle"))
        (copy / "manifest.json").unlink()
        card = copy / "card.md"
        card.write_text(card.read_text(encoding="utf-8") + "\nA twin.\n", encoding="utf-8")
        twin = write_manifest(copy, product, read_manifest(layout.bundle(product, version)).problem).version
        keep(layout, product, twin, copy)
    return twin


def bundle_in(layout: Layout, product: str) -> Path:
    """The champion's bundle, else the packaged one.

    Raises:
        ConfigError: there is neither.
    """
    records = open_records(layout.records_url)
    champion = registry.champion(records, product)
    records.close()
    folder = layout.bundle(product, champion) if champion else packaged(layout, product)
    if not (folder / "manifest.json").is_file():
        raise ConfigError(f"{product} has no bundle yet", next_step="run a night first: make nightly")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--product", default="credit_risk_demo")
    parser.add_argument("--seconds", type=float, default=5.0, help="of load per number of connections")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--bento", action="store_true", help="also build a Bento")
    given = parser.parse_args()

    here = find_layout()
    source = bundle_in(here, given.product)
    version = read_manifest(source).version
    with tempfile.TemporaryDirectory(prefix="nightshift-serving-") as name:
        layout = Layout(Path(name))
        shutil.copyfile(here.params, layout.params)
        folder = keep(layout, given.product, version, source)
        rows = read_json(folder / "golden.json")["rows"]
        print(f"{given.product} {version}, {read_manifest(folder).size_bytes / (1 << 20):.2f} MiB, one worker")
        with running(layout, {given.product: folder}) as service:
            print(f"{'start until ready':34} {service.start_seconds:8.2f} s")
            worker = service.workers()[0]
            print(f"{'memory of the worker, started':34} {resident_mb(worker):8.0f} MiB")
            under_load(service, given.product, rows, 1, 1.0)
            for connections in given.connections:
                began = time.monotonic()
                seconds = under_load(service, given.product, rows, connections, given.seconds)
                rate = len(seconds) / (time.monotonic() - began)
                print(
                    f"{f'one row, {connections} connections':34} {percentile(seconds, 0.5):8.2f} ms p50"
                    f" {percentile(seconds, 0.99):8.2f} ms p99 {rate:8.0f} requests/s"
                )
            many = list(itertools.islice(itertools.cycle(rows), BATCH))
            print(f"{'one row with reasons':34} {once(service, given.product, rows[:1], True, 50):8.2f} ms p50")
            print(f"{f'{BATCH} rows at once':34} {once(service, given.product, many, False, 20):8.2f} ms p50")
            print(f"{'memory of the worker, after load':34} {resident_mb(worker):8.0f} MiB")
        moved = swap_seconds(layout, given.product, version, rows[0])
        print(
            f"{'promotion to first new answer':34} {statistics.median(moved):8.2f} s median {max(moved):8.2f} s worst"
        )
        if given.bento:
            began = time.monotonic()
            built = build(layout, load_params(layout.params), [given.product])
            print(f"{'Bento built and exported':34} {time.monotonic() - began:8.2f} s  {built.tag}")


if __name__ == "__main__":
    try:
        main()
    except NightshiftError as error:
        sys.exit(f"serving_latency: {error.line()}")
