from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import bundle_of, params_of

from pipelines.bundle import read_manifest
from pipelines.errors import ServiceError
from pipelines.layout import Layout
from pipelines.release import smoke as smoke_module
from pipelines.release.requests import bad_requests
from pipelines.release.smoke import smoke, time_rows
from pipelines.serving.client import Client
from pipelines.verdicts import Verdict

SCHEMA: dict[str, Any] = {
    "fields": [
        {"name": "age", "type": "integer", "nullable": False, "minimum": 0, "maximum": 120, "seen": [18, 75]},
        {"name": "job", "type": "string", "nullable": True, "allowed": ["a", "b"]},
        {"name": "code", "type": "integer", "nullable": True, "allowed": [1, 2]},
        {"name": "text", "type": "string", "nullable": True},
    ]
}


def test_bad_requests_cover_every_field_and_kind() -> None:
    names = [bad.name for bad in bad_requests("p", SCHEMA, {"age": 3, "job": "a", "code": 1, "text": ""}, 10)]
    assert len(names) == len(set(names))
    for wanted in (
        "age: out of range", "age: missing", "age: null", "age: NaN", "age: text", "age: true", "age: infinity",
        "job: unknown category", "job: a number", "code: unknown category", "text: an object", "not JSON", "too deep",
        "unknown field", "wrong method", "too many rows", "empty rows",
    ):  # fmt: skip
        assert wanted in names
    assert "job: null" not in names
    assert "text: unknown category" not in names


def by_name(verdict: Verdict) -> dict[str, Any]:
    return {check.name: check for check in verdict.checks}


@pytest.mark.service
@pytest.mark.slow
def test_a_good_bundle_passes_with_every_number(small: Layout) -> None:
    bundle = bundle_of(small, "breast")
    checks = by_name(smoke(small, params_of(), "breast", bundle, read_manifest(bundle).version))
    assert set(checks) == {
        "start", "golden", "version", "bad requests", "latency p99", "latency p50", "memory", "environment",
    }  # fmt: skip
    assert all(check.ok for check in checks.values())
    assert 0 < checks["latency p50"].value <= checks["latency p99"].value
    assert 30 < checks["memory"].value < 1024


@pytest.mark.service
@pytest.mark.slow
def test_budgets_that_are_broken_block_and_are_named(small: Layout) -> None:
    bundle = bundle_of(small, "breast")
    params = params_of(latency_p99_ms=0.001, service_memory_mb=1)
    verdict = smoke(small, params, "breast", bundle, read_manifest(bundle).version)
    assert verdict.status == "blocked"
    assert [check.name for check in verdict.checks if not check.ok] == ["latency p99", "memory"]
    assert "the budget is 0.001" in verdict.reason
    assert "the budget is 1" in verdict.reason


def test_a_service_that_does_not_start_blocks(small: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ServiceError("the service ended by itself with status 3", next_step="read the log")

    monkeypatch.setattr(smoke_module, "running", refuse)
    verdict = smoke(small, params_of(), "breast", bundle_of(small, "breast"), "v")
    assert verdict.status == "blocked"
    assert "status 3" in verdict.reason


class Liar(http.server.BaseHTTPRequestHandler):
    """A service that answers everything with 200, always the same, as another version."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet per answer: else each waits for a delayed acknowledgement
    broken = False

    def do_POST(self) -> None:
        rows = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        count = rows.count(b"mean_radius") or 1
        answer = {"score": 0.5, "decision": 1, "threshold": 0.4}
        said = {"product": "breast", "version": "other", "request_id": "1", "answers": [answer] * count}
        body = json.dumps(said).encode()
        self.send_response(500 if self.broken else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Liar]]:
    from contextlib import contextmanager
    from types import SimpleNamespace

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

        @contextmanager
        def running(*_: Any, **__: Any) -> Iterator[Any]:
            yield SimpleNamespace(
                host="127.0.0.1", port=server.server_address[1], start_seconds=0.1, workers=lambda: []
            )

        monkeypatch.setattr(smoke_module, "running", running)
        monkeypatch.setattr(Liar, "broken", False)
        yield Liar
        server.shutdown()


def test_a_service_that_answers_wrongly_and_accepts_everything_is_found_out(
    small: Layout, liar: type[Liar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke_module, "TIMED", 20)
    bundle = bundle_of(small, "breast")
    verdict = smoke(small, params_of(), "breast", bundle, read_manifest(bundle).version)
    failed = {check.name for check in verdict.checks if not check.ok}
    assert failed == {"golden", "version", "bad requests"}
    assert "not JSON was answered with 200" in verdict.reason


def test_a_service_that_fails_is_found_out(small: Layout, liar: type[Liar], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke_module, "TIMED", 20)
    monkeypatch.setattr(liar, "broken", True)
    bundle = bundle_of(small, "breast")
    verdict = smoke(small, params_of(), "breast", bundle, read_manifest(bundle).version)
    assert verdict.status == "blocked"
    assert "status 500" in verdict.reason or "refused while timing" in verdict.reason


def test_latency_is_the_best_of_rounds(liar: type[Liar], monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Client):
        calls = 0

        def predict(self, *_: Any, **__: Any) -> Any:
            from pipelines.serving.client import Heard

            Slow.calls += 1
            return Heard(200, "{}", 0.5 if Slow.calls <= 40 else 0.001)

    monkeypatch.setattr(smoke_module, "TIMED", 30)
    monkeypatch.setattr(smoke_module, "WARM_UP", 10)
    timing = time_rows(Slow("127.0.0.1", 1), "p", [{}])
    assert (timing.p50_ms, timing.p99_ms) == (1.0, 1.0)


def test_a_client_without_a_service_says_so() -> None:
    with Client("127.0.0.1", 1) as client, pytest.raises(ServiceError, match="no answer from the service"):
        client.call("GET", "/readyz")


def test_nothing_of_the_bundle_is_changed_by_the_gate(
    small: Layout, liar: type[Liar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke_module, "TIMED", 20)
    bundle = bundle_of(small, "wine")
    before = sorted(path.name for path in Path(bundle).iterdir())
    smoke(small, params_of(), "wine", bundle, read_manifest(bundle).version)
    assert sorted(path.name for path in Path(bundle).iterdir()) == before
