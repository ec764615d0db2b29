"""The smoke gate: the packaged service is started as it will be served, asked, and measured."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.config import Params
from pipelines.errors import ServiceError
from pipelines.files import json_number, read_json
from pipelines.layout import Layout
from pipelines.problems import answers_apart
from pipelines.release.requests import bad_requests
from pipelines.serving.client import Client
from pipelines.serving.launch import Running, mapped_packages, resident_mb, running
from pipelines.serving.lean import HEAVY
from pipelines.serving.loaded import GOLDEN_TOLERANCE
from pipelines.verdicts import Check, Verdict, from_checks

WARM_UP = 50  # requests before latency is measured
TIMED = 300  # one-row requests per round
ROUNDS = 3  # the best counts: the budget is the service's, not that of what else the machine does
NEXT_STEP = "read the checks above; nothing was promoted and the champion stays"


@dataclass(frozen=True)
class Timing:
    """One-row latency at one connection, milliseconds."""

    p50_ms: float
    p99_ms: float


def smoke(layout: Layout, params: Params, product: str, bundle: Path, version: str) -> Verdict:
    """Serve a bundle (and nothing else) in a process of its own and judge what it does.

    Checks: it starts; golden rows are answered as offline, by this version; bad requests are refused by name; one-row
    latency and the worker's memory keep the budgets; nothing is loaded that is not shipped. The service is ended with
    all that it started, whatever happens.
    """
    requirements = params.product(product).requirements
    try:
        with running(layout, {product: bundle}, params.service.model_copy(update={"workers": 1})) as service:
            checks = [_started(service)]
            with Client(service.host, service.port) as client:
                golden = read_json(bundle / "golden.json")
                checks += _golden(client, params, product, version, golden)
                checks.append(_refusals(client, params, product, read_json(bundle / "schema.json"), golden["rows"][0]))
                checks += _latency(time_rows(client, product, golden["rows"]), requirements.latency_p99_ms)
            checks += _process(service, requirements.service_memory_mb)
    except ServiceError as error:
        checks = [Check(name="start", ok=False, detail=error.line())]
    return from_checks("smoke", product, checks, NEXT_STEP)


def _started(service: Running) -> Check:
    seconds = service.start_seconds
    return Check(name="start", ok=True, value=json_number(seconds, 4), unit="s", detail=f"ready after {seconds:.1f} s")


def _golden(client: Client, params: Params, product: str, version: str, golden: Mapping[str, Any]) -> list[Check]:
    """Golden rows one by one and then all together: answers must not depend on the rows beside them."""
    wanted = params.product(product).release.smoke_requests
    pairs = list(itertools.islice(itertools.cycle(zip(golden["rows"], golden["answers"], strict=True)), wanted))
    worst, other, failed = 0.0, 0, ""
    batches = [([row], [answer]) for row, answer in pairs]
    size = min(len(golden["rows"]), params.service.max_rows)
    batches.append((golden["rows"][:size], golden["answers"][:size]))
    for rows, answers in batches:
        heard = client.predict(product, rows)
        if heard.status != 200:
            failed = failed or f"status {heard.status}: {heard.text[:200]}"
            continue
        body = heard.json()
        worst = max(worst, answers_apart(params.product(product).problem, body.get("answers", ()), answers))
        other += body.get("version") != version or body.get("product") != product
    ok = not failed and worst <= GOLDEN_TOLERANCE
    return [
        Check(
            name="golden", ok=ok, value=json_number(worst, 4), limit=GOLDEN_TOLERANCE, unit="of a score",
            detail=failed or f"{len(batches)} golden requests answered within {worst:.2g} of the offline answers",
        ),
        Check(
            name="version", ok=other == 0, value=other, limit=0, unit="answers",
            detail=f"{other} answers came from another version" if other else f"all answers from {version}",
        ),
    ]  # fmt: skip


def _refusals(client: Client, params: Params, product: str, schema: Mapping[str, Any], row: Mapping[str, Any]) -> Check:
    requests = bad_requests(product, schema, row, params.service.max_rows)
    wrong = []
    for bad in requests:
        heard = client.call(bad.method, bad.path, bad.body, bad.headers)
        escaped = json.dumps(bad.names)[1:-1]  # as JSON may write a column's name that is not ASCII
        if not (400 <= heard.status < 500 and (bad.names in heard.text or escaped in heard.text)):
            wrong.append(f"{bad.name} was answered with {heard.status} {heard.text[:80]!r}")
    return Check(
        name="bad requests", ok=not wrong, value=len(wrong), limit=0, unit="requests not refused by name",
        detail="; ".join(wrong[:3]) or f"{len(requests)} bad requests refused by name",
    )  # fmt: skip


def time_rows(client: Client, product: str, rows: list[dict[str, Any]]) -> Timing:
    """Latency of one-row requests, one after the other: the best of a few rounds.

    Raises:
        ServiceError: a request was not answered.
    """
    bodies = list(itertools.islice(itertools.cycle(rows), WARM_UP + TIMED))
    rounds = []
    for _ in range(ROUNDS):
        heard = [client.predict(product, [row]) for row in bodies]
        seconds = sorted(answer.seconds for answer in heard[WARM_UP:])
        if any(answer.status != 200 for answer in heard):
            raise ServiceError("a good request was refused while timing", next_step="look at the golden rows")
        rounds.append(Timing(1e3 * seconds[len(seconds) // 2], 1e3 * seconds[int(0.99 * len(seconds))]))
    return min(rounds, key=lambda timing: timing.p99_ms)


def _latency(timing: Timing, limit: float) -> list[Check]:
    return [
        Check(
            name="latency p99", ok=timing.p99_ms <= limit, value=json_number(timing.p99_ms, 4), limit=limit, unit="ms",
            detail=f"one row takes {timing.p50_ms:.2f} ms (p50), {timing.p99_ms:.2f} ms (p99); the budget is {limit:g}",
        ),
        Check(name="latency p50", ok=True, value=json_number(timing.p50_ms, 4), unit="ms"),
    ]  # fmt: skip


def _process(service: Running, limit: float) -> list[Check]:
    workers = service.workers()
    memory = max((resident_mb(worker) for worker in workers), default=0.0)
    heavy = sorted(set().union(*(mapped_packages(worker, HEAVY) for worker in workers)))
    return [
        Check(
            name="memory", ok=memory <= limit, value=json_number(memory, 4), limit=limit, unit="MiB per worker",
            detail=f"a worker takes {memory:.0f} MiB; the budget is {limit:g}",
        ),
        Check(
            name="environment", ok=not heavy, value=len(heavy), limit=0, unit="packages that are not shipped",
            detail=f"loaded though not shipped: {', '.join(heavy)}" if heavy else "only what is shipped is loaded",
        ),
    ]  # fmt: skip
