"""The service as it is served: a real ``bentoml serve`` on loopback."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import TASKS, bundle_of, offline, pack_lane, raw_rows, write_params

from pipelines.blocks.operations import Service
from pipelines.errors import ConfigError, ServiceError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.predictions import window
from pipelines.records.store import open_records
from pipelines.release.registering import register
from pipelines.release.requests import bad_requests
from pipelines.serving import launch
from pipelines.serving.client import Client
from pipelines.serving.launch import Running, check_address, descendants, free_port, mapped_packages, running
from pipelines.serving.lean import HEAVY

launch_command = launch.command
pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(small: Layout) -> Iterator[Running]:
    bundles = {product: bundle_of(small, product) for product in TASKS}
    with running(small, bundles, Service(max_body_mb=1, max_rows=500)) as service:
        yield service


@pytest.fixture
def client(served: Running) -> Iterator[Client]:
    with Client(served.host, served.port) as opened:
        yield opened


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] != "Z"


def json_rows(product: str) -> list[dict[str, Any]]:
    frame = raw_rows(product).drop(columns=["outcome"])
    return json.loads(frame.to_json(orient="records"))


@pytest.mark.parametrize("product", TASKS)
def test_every_served_answer_equals_the_offline_prediction(client: Client, small: Layout, product: str) -> None:
    loaded = read_json(bundle_of(small, product) / "schema.json")
    fits = [row for row in json_rows(product) if not _refused(loaded, row)]
    assert len(fits) > 150
    wanted = offline(bundle_of(small, product), fits).tolist()
    found: list[Any] = []
    for start in range(0, len(fits), 500):
        heard = client.predict(product, fits[start : start + 500])
        assert heard.status == 200, heard.text[:300]
        found += [answer["score"] for answer in heard.json()["answers"]]
    assert [list(score.values()) if isinstance(score, dict) else score for score in found] == wanted


def _refused(schema: Any, row: dict[str, Any]) -> bool:
    from pipelines.serving.validate import RowValidator

    return bool(RowValidator(schema).check([row])[0])


@pytest.mark.parametrize("product", TASKS)
def test_every_bad_request_is_a_4xx_that_names_what_is_wrong(client: Client, small: Layout, product: str) -> None:
    golden = read_json(bundle_of(small, product) / "golden.json")
    schema = read_json(bundle_of(small, product) / "schema.json")
    for bad in bad_requests(product, schema, golden["rows"][0], 500):
        heard = client.call(bad.method, bad.path, bad.body, bad.headers)
        assert 400 <= heard.status < 500, (bad.name, heard)
        assert bad.names in heard.text, (bad.name, heard)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/breast/predict", 405),
        ("PUT", "/v1/breast/predict", 405),
        ("DELETE", "/v1/breast/predict", 405),
        ("POST", "/v1/products", 405),
        ("POST", "/readyz", 405),
        ("GET", "/v1/products/none", 404),
        ("GET", "/v2", 404),
        ("POST", "/v1//predict", 404),
        ("GET", "/v1/products", 200),
        ("GET", "/v1/products/wine", 200),
        ("GET", "/readyz", 200),
        ("HEAD", "/readyz", 200),
        ("GET", "/livez", 200),
        ("GET", "/metrics", 200),
        ("GET", "/docs.json", 200),
    ],
)
def test_pages_and_methods(client: Client, method: str, path: str, status: int) -> None:
    assert client.call(method, path).status == status


def test_the_listed_example_can_be_sent_as_it_is(client: Client) -> None:
    for product in client.call("GET", "/v1/products").json()["products"]:
        example = client.call("GET", f"/v1/products/{product['product']}").json()["example"]
        heard = client.call("POST", product["predict"], json.dumps(example))
        assert heard.status == 200
        assert heard.json()["version"] == product["version"]


def test_a_body_of_50_mb_is_a_413_and_the_service_lives(client: Client) -> None:
    heard = client.call("POST", "/v1/breast/predict", b'{"rows": [' + b" " * (50 << 20) + b"]}")
    assert heard.status == 413
    assert "1 MiB" in heard.text
    assert client.call("GET", "/readyz").status == 200


def test_a_body_in_chunks_without_a_length_is_limited_too(served: Running) -> None:
    connection = http.client.HTTPConnection(served.host, served.port, timeout=30)
    pieces = (b"x" * 100_000 for _ in range(30))
    connection.request("POST", "/v1/breast/predict", pieces, {"Content-Type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_client_that_leaves_in_the_middle_harms_nobody(served: Running, client: Client) -> None:
    for text in (b"POST /v1/breast/predict HTTP/1.1\r\nContent-Length: 500\r\n\r\n{", b"GARBAGE\r\n\r\n"):
        with socket.create_connection((served.host, served.port)) as raw:
            raw.sendall(text)
    assert client.call("GET", "/readyz").status == 200


def test_nothing_that_is_not_shipped_is_loaded(served: Running) -> None:
    assert served.workers()
    for worker in served.workers():
        assert mapped_packages(worker, HEAVY) == set()
        assert "lightgbm" in mapped_packages(worker, ["lightgbm"])


def test_the_service_ends_with_all_it_started(small: Layout) -> None:
    with running(small, {"wine": bundle_of(small, "wine")}, Service(workers=2)) as service:
        below = {service.process.pid, *descendants(service.process.pid)}
        assert len(service.workers()) == 2
        log = service.log
    assert not [pid for pid in below if alive(pid)]
    assert not log.exists()


def test_a_service_that_starts_leaves_the_counters_of_another_alone(
    served: Running, client: Client, small: Layout
) -> None:
    def counted() -> float:
        lines = client.call("GET", "/metrics").text.splitlines()
        found = [line for line in lines if "request_total" in line and 'endpoint="/v1/wine/predict"' in line]
        return sum(float(line.split()[-1]) for line in found)

    golden = read_json(bundle_of(small, "wine") / "golden.json")
    assert client.predict("wine", golden["rows"][:1]).status == 200
    before = counted()
    assert before >= 1
    with running(small, {"wine": bundle_of(small, "wine")}) as other, Client(other.host, other.port) as second:
        for _ in range(5):
            assert second.predict("wine", golden["rows"][:1]).status == 200
    assert client.predict("wine", golden["rows"][:1]).status == 200
    assert counted() == before + 1


def test_the_service_ends_when_its_starter_is_killed(small: Layout) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from pipelines.layout import Layout\n"
        "from pipelines.serving.launch import descendants, running\n"
        f"with running(Layout(Path({str(small.root)!r})), {{'wine': Path({str(bundle_of(small, 'wine'))!r})}}) as s:\n"
        "    print(s.process.pid, *descendants(s.process.pid), flush=True)\n"
        "    time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    assert len(pids) >= 2
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in pids if alive(pid)]


def test_a_damaged_bundle_never_becomes_ready_and_the_error_says_why(small: Layout, tmp_path: Path) -> None:
    import shutil

    bundle = Path(shutil.copytree(bundle_of(small, "wine"), tmp_path / "wine"))
    (bundle / "trees_0.txt").write_text("damaged")
    with (
        pytest.raises(ServiceError, match=r"waits for wine: a file of the bundle was changed: trees_0\.txt"),
        running(small, {"wine": bundle}, timeout_seconds=8),
    ):
        pytest.fail("it must not become ready")


def test_a_service_that_cannot_start_fails_soon_with_its_last_words(
    small: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    monkeypatch.setattr(launch, "command", lambda service: launch_command(service, "pipelines.serving.service:Missing"))
    with (
        pytest.raises(ServiceError, match=r"the service ended by itself with status 1: .*Missing"),
        running(small, {"wine": bundle_of(small, "wine")}),
    ):
        pytest.fail("it must not become ready")
    assert time.monotonic() - began < 60


def test_a_taken_port_is_named() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port()))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            check_address("127.0.0.1", port)
    with pytest.raises(ConfigError, match="cannot listen on"):
        check_address("203.0.113.7", 3000)


def test_twenty_promotions_and_rollbacks_under_load_lose_no_request_and_mix_no_versions(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    params = write_params(layout)
    records = open_records(layout.records_url)
    versions = []
    for seed in (0, 1):
        pack_lane(layout, params, "breast", seed, 40 + seed)
        versions.append(register(layout, records, params, "breast", f"n{seed}").version)
    wanted = {version: offline(layout.bundle("breast", version), [json_rows("breast")[5]])[0] for version in versions}
    assert len(set(wanted.values())) == 2
    current: str | None = None

    def point(version: str) -> None:
        nonlocal current
        kind = "rollback" if current and version == versions[0] else "promote"
        registry.move_champion(records, "breast", version, kind=kind, who="t", why="w", expected=current)
        current = version

    point(versions[0])
    with running(layout, None, Service(workers=2)) as service:
        stop = threading.Event()
        seen: list[str] = []
        given: list[str] = []
        wrong: list[str] = []

        def load() -> None:
            with Client(service.host, service.port) as client:
                while not stop.is_set():
                    heard = client.predict("breast", [json_rows_once] * 3)
                    if heard.status != 200:
                        wrong.append(heard.text)
                        continue
                    body = heard.json()
                    seen.append(body["version"])
                    given.append(body["request_id"])
                    if {answer["score"] for answer in body["answers"]} != {wanted[body["version"]]}:
                        wrong.append("an answer of another model than the version says")

        json_rows_once = json_rows("breast")[5]
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for move in range(20):
                point(versions[(move + 1) % 2])
                if move % 5 == 4:  # wait for both workers; the other moves overtake each other
                    _until(lambda move=move: len(seen) > 50 and set(seen[-30:]) == {versions[(move + 1) % 2]})
                else:
                    time.sleep(0.4)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert wrong == []
        assert set(seen) == set(versions)
        assert [move.kind for move in registry.history(records, "breast")].count("rollback") == 10
    log = open_records(layout.log_url)
    kept = window(log, "breast", "", "9999")
    log.close()
    assert len(set(given)) == len(given)
    assert {(one.request_id, one.row) for one in kept} == {(one, row) for one in given for row in range(3)}
    for one in kept:
        assert one.answer["score"] == wanted[one.version]


def _until(met: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.05)
