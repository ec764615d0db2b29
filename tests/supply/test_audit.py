"""The real pip-audit against an advisory service on loopback: found, listed, out of date, unreachable."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.errors import StageError
from pipelines.supply.audit import Advisory, Audited, audit, judge
from pipelines.supply.policy import Known, Policy

HOLE = Advisory("jinja2", "3.1.0", ("CVE-2026-1", "GHSA-1"), ("3.1.9",))
TODAY = date(2026, 6, 1)


def policy(**advisories: Known) -> Policy:
    return Policy(licences=("MIT",), advisories={name.replace("_", "-"): one for name, one in advisories.items()})


def known(package: str = "jinja2", until: date = date(2026, 12, 31)) -> Known:
    return Known(package=package, reason="no template comes from outside", until=until)


def test_a_vulnerability_must_be_mended_unless_the_policy_lists_it_by_any_of_its_names() -> None:
    found = Audited(3, (HOLE,))
    assert judge(found, policy(), TODAY)[0] == ["jinja2 3.1.0: CVE-2026-1, GHSA-1; fixed in 3.1.9"]
    for name in ("GHSA_1", "CVE_2026_1"):
        wrong, kept = judge(found, policy(**{name: known()}), TODAY)
        assert wrong == []
        assert "no template comes from outside" in kept[0]


def test_an_entry_of_another_package_past_its_day_or_of_no_use_must_be_mended() -> None:
    found = Audited(3, (HOLE,))
    assert judge(found, policy(GHSA_1=known("other")), TODAY)[0]
    assert "until 2026-01-01" in judge(found, policy(GHSA_1=known(until=date(2026, 1, 1))), TODAY)[0][0]
    assert judge(Audited(3), policy(GHSA_1=known()), TODAY)[0] == ["GHSA-1: in the policy, and no longer found"]
    assert judge(Audited(unreachable="no network"), policy(GHSA_1=known()), TODAY) == ([], [])


@pytest.fixture
def service() -> Iterator[str]:
    """Knows one vulnerability of jinja2, as the real one words it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            affected = {
                "package": {"name": "jinja2", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.9"}]}],
                "versions": ["3.1.0"],
            }
            hole = {"id": "GHSA-1", "aliases": ["CVE-2026-1"], "summary": "s", "details": "d", "affected": [affected]}
            body = json.dumps({"vulns": [hole]} if asked["package"]["name"] == "jinja2" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/query"
    server.shutdown()
    server.server_close()


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "pins.txt"
    path.write_text("jinja2==3.1.0\nsix==1.17.0\n")
    return path


@pytest.mark.slow
@pytest.mark.service
def test_pip_audit_finds_what_the_service_knows(pins: Path, service: str, tmp_path: Path) -> None:
    options = ["--osv-url", service, "--cache-dir", str(tmp_path / "cache")]
    assert audit(pins, options) == Audited(2, (HOLE,))
    pins.write_text("six==1.17.0\n")
    assert audit(pins, options) == Audited(1)


@pytest.mark.slow
def test_a_service_that_cannot_be_reached_is_said_and_is_no_finding(pins: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    found = audit(pins, ["--osv-url", f"http://127.0.0.1:{closed}/query"])
    assert found.unreachable == "ConnectionError"
    assert found.advisories == ()


@pytest.mark.slow
def test_another_failure_of_pip_audit_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("jinja2 is nice\n")
    with pytest.raises(StageError, match="pip-audit failed"):
        audit(tmp_path / "pins.txt")
