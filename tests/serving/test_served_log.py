"""The prediction log, feedback, keys and limits of the service as it is served: real processes on loopback."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import bundle_of, write_params

from pipelines.blocks.operations import Service
from pipelines.errors import ServiceError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.records import keys
from pipelines.records.feedback import conflicts, labelled
from pipelines.records.predictions import Logged, count, window
from pipelines.records.store import open_records
from pipelines.serving.client import Client
from pipelines.serving.launch import Running, descendants, running

pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("logged"))
    write_params(made)
    return made


@pytest.fixture(scope="module")
def bundles(small: Layout) -> dict[str, Path]:
    return {product: bundle_of(small, product) for product in ("breast", "wine")}


@pytest.fixture(scope="module")
def served(layout: Layout, bundles: dict[str, Path]) -> Iterator[Running]:
    service = Service(keys="always", mask_fields=("size", "id"), max_in_flight=4)
    with running(layout, bundles, service, log=True) as started:
        yield started


@pytest.fixture(scope="module")
def till(layout: Layout, served: Running) -> dict[str, str]:
    return with_key(new_key(layout, served, "till", "predict", "feedback"))


def new_key(layout: Layout, served: Running, name: str, *scopes: str) -> str:
    records = open_records(layout.records_url)
    key = keys.add(records, name, scopes)
    records.close()
    wait_for(lambda: status(served, "GET", "/v1/products", with_key(key)) == 200)
    return key


def with_key(key: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}


def status(served: Running, method: str, path: str, headers: dict[str, str], body: str = "") -> int:
    with Client(served.host, served.port) as client:
        return client.call(method, path, body, headers).status


def wait_for(met: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.05)


def rows_of(bundles: dict[str, Path], product: str, number: int) -> list[dict[str, Any]]:
    golden = read_json(bundles[product] / "golden.json")["rows"]
    return (golden * (number // len(golden) + 1))[:number]


def logged_rows(layout: Layout, product: str) -> list[Logged]:
    log = open_records(layout.log_url)
    found = window(log, product, "", "9999")
    log.close()
    return found


def test_every_answered_row_is_kept_as_it_was_asked_and_answered_without_masked_fields(
    served: Running, layout: Layout, bundles: dict[str, Path], till: dict[str, str]
) -> None:
    rows = rows_of(bundles, "breast", 40)
    with Client(served.host, served.port) as client:
        for part in (rows[:1], rows[:3], rows):
            sent = [{**row, "id": place} for place, row in enumerate(part)]
            heard = client.call("POST", "/v1/breast/predict", json.dumps({"rows": sent}), till)
            assert heard.status == 200
            body = heard.json()
            found = [one for one in logged_rows(layout, "breast") if one.request_id == body["request_id"]]
            assert [one.row for one in found] == list(range(len(part)))
            assert [one.answer for one in found] == body["answers"]
            assert [one.features for one in found] == [
                {key: value for key, value in row.items() if key != "size"} for row in part
            ]
            assert {(one.version, one.client) for one in found} == {(body["version"], "till")}


def test_a_refused_request_is_not_logged(served: Running, layout: Layout, till: dict[str, str]) -> None:
    before = len(logged_rows(layout, "wine"))
    assert status(served, "POST", "/v1/wine/predict", till, '{"rows": [{}]}') == 422
    assert len(logged_rows(layout, "wine")) == before


def test_feedback_is_joined_to_what_was_answered(
    served: Running, layout: Layout, bundles: dict[str, Path], till: dict[str, str]
) -> None:
    with Client(served.host, served.port) as client:

        def tell(*items: dict[str, Any]) -> list[str]:
            heard = client.call("POST", "/v1/wine/feedback", json.dumps(items), till)
            assert heard.status == 200, heard.text
            return [result["status"] for result in heard.json()["results"]]

        sent = json.dumps({"rows": rows_of(bundles, "wine", 3)})
        request_id = client.call("POST", "/v1/wine/predict", sent, till).json()["request_id"]
        one = {"request_id": request_id, "outcome": 2}
        assert tell(one, {**one, "row": 1}, {**one, "row": 7}) == ["joined", "joined", "unknown request"]
        assert tell(one, {**one, "outcome": 0}) == ["duplicate", "conflict"]
        assert client.call("POST", "/v1/wine/feedback", json.dumps({**one, "outcome": 9}), till).status == 422
        other = client.call("POST", "/v1/breast/feedback", json.dumps({**one, "outcome": 1}), till)
        assert other.status == 404
    log = open_records(layout.log_url)
    assert [(found.row, outcome) for found, outcome in labelled(log, "wine", "", "9999")] == [(1, 2)]
    assert [item.client for item in conflicts(log, "wine")[0].outcomes] == ["till", "till"]
    log.close()


def test_keys_are_followed_while_the_service_runs_and_never_written_to_its_log(
    served: Running, layout: Layout, bundles: dict[str, Path]
) -> None:
    body = json.dumps({"rows": rows_of(bundles, "wine", 1)})
    key = new_key(layout, served, "reader", "predict")
    assert status(served, "POST", "/v1/wine/predict", {"Content-Type": "application/json"}, body) == 401
    assert status(served, "POST", "/v1/wine/predict", with_key(key), body) == 200
    assert status(served, "POST", "/v1/wine/feedback", with_key(key), body) == 403
    assert status(served, "GET", "/readyz", {}) == 200
    with Client(served.host, served.port, key=key) as client:
        assert client.predict("wine", rows_of(bundles, "wine", 1)).status == 200
        assert client.feedback("wine", [{"request_id": "a", "outcome": 1}]).status == 403
    records = open_records(layout.records_url)
    keys.revoke(records, "reader")
    records.close()
    wait_for(lambda: status(served, "POST", "/v1/wine/predict", with_key(key), body) == 401)
    assert key not in served.log.read_text(encoding="utf-8", errors="replace")


def test_a_log_that_cannot_be_written_is_a_503_and_never_an_unlogged_answer(
    served: Running, layout: Layout, bundles: dict[str, Path], till: dict[str, str]
) -> None:
    body = json.dumps({"rows": rows_of(bundles, "breast", 1)})
    before = len(logged_rows(layout, "breast"))
    holder = sqlite3.connect(layout.log_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with Client(served.host, served.port) as client:
            heard = client.call("POST", "/v1/breast/predict", body, till)
            assert heard.status == 503
            assert "prediction log cannot be written" in heard.text
            assert "answers" not in heard.json()
            ready = client.call("GET", "/readyz")
            assert (ready.status, "waits for the prediction log" in ready.text) == (503, True)

        statuses: list[int] = []
        asked = [
            threading.Thread(target=lambda: statuses.append(status(served, "POST", "/v1/breast/predict", till, body)))
            for _ in range(7)
        ]
        for thread in asked:
            thread.start()
        for thread in asked:
            thread.join()
        assert sorted(statuses) == [429] * 3 + [503] * 4, "max_in_flight is 4"
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    wait_for(lambda: status(served, "GET", "/readyz", {}) == 200)
    assert len(logged_rows(layout, "breast")) == before
    assert status(served, "POST", "/v1/breast/predict", till, body) == 200
    assert len(logged_rows(layout, "breast")) == before + 1


def test_paths_that_nobody_serves_make_no_labels_in_the_metrics(served: Running, till: dict[str, str]) -> None:
    for number in range(30):
        status(served, "GET", f"/made-up-{number}", {})
        status(served, "POST", f"/v1/made_up_{number}/predict", till, "{}")
    with Client(served.host, served.port) as client:
        text = client.call("GET", "/metrics").text
    assert "made" not in text
    assert 'endpoint="other"' in text
    assert 'endpoint="/v1/{product}/predict"' in text


def test_a_bundle_that_is_only_tried_out_leaves_nothing_in_the_log(
    small: Layout, bundles: dict[str, Path], tmp_path: Path
) -> None:
    layout = Layout(tmp_path)
    write_params(layout)
    with running(layout, bundles, Service(keys="always")) as tried, Client(tried.host, tried.port) as client:
        assert client.predict("wine", rows_of(bundles, "wine", 1)).status == 200
        told = client.call("POST", "/v1/wine/feedback", '{"request_id": "a", "outcome": 1}')
        assert told.status == 503
        assert "no prediction log" in told.text
    assert not (layout.state / "records").exists()
    assert not (layout.state / "records.db").exists()


def test_a_killed_service_loses_no_prediction_that_it_has_answered(layout: Layout, bundles: dict[str, Path]) -> None:
    acknowledged: list[list[str]] = [[] for _ in range(8)]
    row = rows_of(bundles, "breast", 1)[0]

    def ask(place: int, host: str, port: int) -> None:
        with Client(host, port) as client:
            while True:
                try:
                    heard = client.predict("breast", [row] * (1 + place % 2))
                except ServiceError:
                    return
                if heard.status == 200:
                    acknowledged[place].append(heard.json()["request_id"])

    with running(layout, bundles, Service(workers=2), log=True) as service:
        threads = [threading.Thread(target=ask, args=(place, service.host, service.port)) for place in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: sum(map(len, acknowledged)) > 400, 30)
        for pid in (*descendants(service.process.pid), service.process.pid):
            os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join(timeout=30)
    log = open_records(layout.log_url)
    kept = {(one.request_id, one.row) for one in window(log, "breast", "", "9999")}
    assert count(log, "breast", "", "9999") == len(kept)
    log.close()
    wanted = {(one, row) for place, ids in enumerate(acknowledged) for one in ids for row in range(1 + place % 2)}
    assert len(wanted) > 400
    assert wanted <= kept
