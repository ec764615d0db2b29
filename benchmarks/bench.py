"""All benchmarks, one after the other, and one table: ``.nightshift/bench/table.md``.

    python benchmarks/bench.py [--size small|full] [--only NAME ...] [--list]
    make bench [SIZE=full] [ONLY="NAME ..."]

A benchmark that fails stops no other; the command then fails at its end. One whose data or model is not there is left
out, and the table says what it lacks. What each printed lies beside the table, ``<name>.txt``. Small means under about
two minutes each on two quiet cores; full is the size that the claims in ``docs/`` are about, hours in all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = {"small": 900, "full": 6 * 3600}
"""After which a benchmark has failed."""


@dataclass(frozen=True)
class Bench:
    """One line of the table.

    Attributes:
        script: file under ``benchmarks/``, without its ending.
        about: what it measures, a few words.
        small: arguments of the small size.
        full: arguments of the full size.
        needs: ``mirror`` (NIGHTSHIFT_MIRROR), ``model`` (a packaged lane or champion of credit_risk_demo), or nothing.
        name: where one script stands for two lines.
    """

    script: str
    about: str
    small: str = ""
    full: str = ""
    needs: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        return self.name or self.script


BENCHES = (
    Bench("stage_scale", "rows per second and peak memory per stage", "--rows 10000 30000", "--rows 100000 1000000"),
    Bench("dag_parse", "parse time of the DAG file", "--runs 3", "--runs 10"),
    Bench("drift_speed", "seconds and memory of the drift verdict", "--rows 200000", "--full"),
    Bench("drift_alarms", "false alarms and power of the drift verdict", "", "--full --fresh"),
    Bench("gate_rates", "error rates of the champion gate", "--repetitions 40 --rows 500 1000 --resamples 500", ""),
    Bench("label_errors", "wrong labels found", "digits", "--full"),
    Bench("serving_throughput", "requests per second beside BentoML and FastAPI",
          "--seconds 1 --rounds 1 --moves 2", "--seconds 5 --rounds 5", needs="model"),
    Bench("serving_latency", "start, latency, memory of the service", "--seconds 1", "--bento", needs="model"),
    Bench("night_overhead", "a night with nothing to do, 4 products", "--noop 4", "--noop 40"),
    Bench("night_overhead", "Airflow's share per task", "", "", name="night_tasks"),
    Bench("chaos", "faults that a night survives", "--only kill_9_of_a_stage corrupted_cache", ""),
    Bench("credit_quality", "credit risk beside untuned LightGBM", "--small", "--full", needs="mirror"),
    Bench("campaign_quality", "campaign response beside untuned LightGBM", "time", "random earlier time",
          needs="mirror"),
    Bench("uplift_quality", "uplift on Hillstrom's test", "--splits 2 --learners t", "", needs="mirror"),
    Bench("budget_plan", "what a planned budget brings", "--splits 1", "--splits 20", needs="mirror"),
    Bench("forecast_quality", "forecasts beside seasonal naive, Theta, ETS", "--small --only car_parts", "--full",
          needs="mirror"),
    Bench("text_quality", "text models on official splits", "banking77_10shot --models linear",
          "banking77 banking77_10shot ohsumed mts_dialog --full", needs="mirror"),
    Bench("text_ablations", "what each extra of the encoder's training brings", "--classes 6 --epochs 2", "--full",
          needs="mirror"),
    Bench("reply_quality", "replies beside nearest-neighbour retrieval", "--only camrest", "--drafts", needs="mirror"),
    Bench("reply_throughput", "tokens per second of replies beside transformers", "--rounds 1 --requests 16", "--full"),
)  # fmt: skip
HELPERS = (
    "bench",
    "camrest",
    "drift_worlds",
    "gpu_check",
    "serving_load",
    "serving_plain_bentoml",
    "serving_plain_fastapi",
    "text_peer",
)
"""Modules beside the benchmarks that are none."""


def benches() -> tuple[Bench, ...]:
    """Those above, and every other script here that is no helper: it runs as it comes, and with ``--full``, if it has
    that option, at the full size."""
    listed = {bench.script for bench in BENCHES}
    found = list(BENCHES)
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        if path.stem not in listed and path.stem not in HELPERS:
            full = "--full" if '"--full"' in path.read_text(encoding="utf-8") else ""
            found.append(Bench(path.stem, "-", "", full))
    return tuple(found)


@dataclass(frozen=True)
class Ran:
    """How one benchmark ended: ``passed``, ``FAILED`` or ``left out``; ``words``: its last line, or what it lacks."""

    bench: Bench
    result: str
    seconds: float
    words: str


def lacks(bench: Bench) -> str:
    """What is not there that the benchmark needs, in words; empty where nothing is missing."""
    mirror = os.environ.get("NIGHTSHIFT_MIRROR", "")
    if bench.needs == "mirror" and not (mirror and Path(mirror).is_dir()):
        return "needs the public data: set NIGHTSHIFT_MIRROR"
    state = ROOT / ".nightshift"
    packaged = [*state.glob("lanes/credit_risk_demo/package/bundle"), *state.glob("bundles/credit_risk_demo/*")]
    if bench.needs == "model" and not packaged:
        return "needs a packaged model: run `make nightly` first"
    return ""


def command(bench: Bench, size: str) -> list[str]:
    """The whole command line."""
    arguments = (bench.full if size == "full" else bench.small).split()
    if bench.script == "reply_quality":
        arguments += ["--mirror", os.environ.get("NIGHTSHIFT_MIRROR", "")]
    return [sys.executable, f"benchmarks/{bench.script}.py", *arguments]


def run(bench: Bench, size: str, folder: Path) -> Ran:
    """Run one; what it prints goes to the terminal and to its file."""
    lacking = lacks(bench)
    if lacking:
        return Ran(bench, "left out", 0.0, lacking)
    line = command(bench, size)
    print(f"== {bench.key}: {' '.join(line[1:])}", flush=True)
    began, last = time.monotonic(), ""
    with (folder / f"{bench.key}.txt").open("w", encoding="utf-8") as kept:
        process = subprocess.Popen(
            ["timeout", "--kill-after=30", str(SECONDS[size]), *line],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        assert process.stdout is not None
        for printed in process.stdout:
            print(printed, end="", flush=True)
            kept.write(printed)
            last = printed.strip() or last
        code = process.wait()
    result = "passed" if code == 0 else "FAILED"
    words = last if code == 0 else f"exit {code}: {last}"
    return Ran(bench, result, time.monotonic() - began, words)


def table(done: Sequence[Ran], size: str) -> Iterator[str]:
    """Markdown."""
    yield f"# Benchmarks, {size} size, {os.cpu_count()} cores\n"
    yield "| benchmark | what | result | seconds | last line |"
    yield "| --- | --- | --- | ---: | --- |"
    for ran in done:
        words = ran.words.replace("|", "/")[:300]
        yield f"| {ran.bench.key} | {ran.bench.about} | {ran.result} | {ran.seconds:.0f} | {words} |"


def main() -> None:
    """Run them; exit 1 when one failed."""
    known = benches()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SECONDS), default="small")
    parser.add_argument("--only", nargs="+", choices=[bench.key for bench in known], metavar="NAME")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    chosen = [bench for bench in known if not options.only or bench.key in options.only]
    if options.list:
        print("\n".join(f"{bench.key:20}{' '.join(command(bench, options.size)[1:])}" for bench in chosen))
        return
    folder = ROOT / ".nightshift" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    done: list[Ran] = []
    for bench in chosen:
        done.append(run(bench, options.size, folder))
        (folder / "table.md").write_text("\n".join(table(done, options.size)) + "\n", encoding="utf-8")
    print("\n".join(table(done, options.size)))
    print(f"\ntable: {(folder / 'table.md').relative_to(ROOT)}")
    failed = [ran.bench.key for ran in done if ran.result == "FAILED"]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
