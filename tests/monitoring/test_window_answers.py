"""Asking a service for a window: batches, refused rows, a busy or broken service; against a small real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Params
from pipelines.errors import ServiceError
from pipelines.monitoring import answers
from pipelines.monitoring.answers import ask, rows_per_request, to_records

SCHEMA = {
    "fields": [
        {"name": "AGE", "type": "integer"}, {"name": "RATE", "type": "number"}, {"name": "CITY", "type": "string"}
    ],
    "classes": ["no", "yes"],
}  # fmt: skip
Behaviour = Callable[[int, list[dict[str, Any]]], tuple[int, Any]]


def window(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"ID": range(rows), "AGE": np.arange(rows) + 20.0, "RATE": 0.5, "CITY": "Bern"})


def good(rows: list[dict[str, Any]], version: str = "v1") -> tuple[int, Any]:
    scores = [row["AGE"] / 1000 for row in rows]
    listed = [{"score": score, "decision": "yes" if score > 0.03 else "no", "threshold": 0.03} for score in scores]
    return 200, {"product": "p", "version": version, "request_id": "r", "answers": listed}


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], str]]:
    """Start a server that behaves as told; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(behaviour: Behaviour) -> str:
        calls = iter(range(10_000))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["rows"]
                status, body = behaviour(next(calls), rows)
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_rows_go_out_in_batches_and_answers_keep_their_order(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BATCH_ROWS", 7)
    sizes: list[int] = []

    def behave(_: int, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        sizes.append(len(rows))
        assert set(rows[0]) == {"AGE", "RATE", "CITY"}
        return good(rows)

    found = ask(serve(behave), "p", "tabular", window(20), SCHEMA, max_rows=1000)
    assert sizes == [7, 7, 6]
    assert found.version == "v1"
    assert found.columns["score"].tolist() == [(20 + row) / 1000 for row in range(20)]
    assert found.columns["decision"] == [0] * 11 + [1] * 9


def test_the_services_limit_of_rows_is_kept(serve: Any) -> None:
    sizes: list[int] = []

    def behave(_: int, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        sizes.append(len(rows))
        return good(rows)

    ask(serve(behave), "p", "tabular", window(9), SCHEMA, max_rows=4)
    assert sizes == [4, 4, 1]


def test_refused_rows_are_left_out_and_named_and_the_rest_is_answered(serve: Any) -> None:
    def behave(_: int, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        wrong = [place for place, row in enumerate(rows) if row["AGE"] % 10 == 5][:1]  # one at a time
        if wrong:
            problems = [{"row": place, "field": "AGE", "problem": "ends in five"} for place in wrong]
            return 422, {"error": "rows are wrong", "problems": problems}
        return good(rows)

    found = ask(serve(behave), "p", "tabular", window(30), SCHEMA, max_rows=1000)
    assert found.refused == {5: "AGE: ends in five", 15: "AGE: ends in five", 25: "AGE: ends in five"}
    assert np.flatnonzero(np.isnan(found.columns["score"])).tolist() == [5, 15, 25]
    assert found.columns["decision"][5] is None
    assert found.columns["score"][6] == 0.026


def test_when_every_row_is_refused_there_is_no_score(serve: Any) -> None:
    def behave(_: int, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        return 422, {"error": "x", "problems": [{"row": i, "field": None, "problem": "no"} for i in range(len(rows))]}

    found = ask(serve(behave), "p", "tabular", window(3), SCHEMA, max_rows=1000)
    assert np.isnan(found.columns["score"]).all()
    assert len(found.refused) == 3
    assert found.version == ""


def test_a_busy_service_is_asked_again(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BUSY_SECONDS", 0.01)
    address = serve(lambda call, rows: good(rows) if call >= 2 else (429, {"error": "busy"}))
    assert ask(address, "p", "tabular", window(3), SCHEMA, max_rows=1000).version == "v1"
    stays = serve(lambda *_: (503, {"error": "loading"}))
    with pytest.raises(ServiceError, match="503: loading") as raised:
        ask(stays, "p", "tabular", window(3), SCHEMA, max_rows=1000)
    assert raised.value.transient


@pytest.mark.parametrize("reply", [(404, {"error": "no such product"}), (500, "oops"), (422, {"error": "odd"})])
def test_an_error_that_names_no_row_is_raised_with_its_words(serve: Any, reply: tuple[int, Any]) -> None:
    with pytest.raises(ServiceError, match=str(reply[0])):
        ask(serve(lambda *_: reply), "p", "tabular", window(3), SCHEMA, max_rows=1000)


def test_two_versions_within_one_window_are_not_mixed(serve: Any) -> None:
    address = serve(lambda call, rows: good(rows, f"v{call}"))
    with pytest.raises(ServiceError, match="two versions") as raised:
        ask(address, "p", "tabular", window(9), SCHEMA, max_rows=4)
    assert raised.value.transient


def test_nobody_there_is_one_clear_error() -> None:
    with pytest.raises(ServiceError):
        ask("http://127.0.0.1:9", "p", "tabular", window(3), SCHEMA, max_rows=1000)


def test_scores_per_class_become_one_column_each(serve: Any) -> None:
    schema = {**SCHEMA, "classes": ["a", "b", "c"]}
    listed = {"score": {"a": 0.1, "b": 0.2, "c": 0.7}, "decision": "c"}
    address = serve(lambda _, rows: (200, {"version": "v", "request_id": "r", "answers": [listed] * len(rows)}))
    found = ask(address, "p", "tabular", window(2), schema, max_rows=10)
    assert {name: list(values) for name, values in found.columns.items()} == {
        "score_0": [0.1, 0.1], "score_1": [0.2, 0.2], "score_2": [0.7, 0.7], "decision": [2, 2],
    }  # fmt: skip


def test_records_hold_plain_json_values() -> None:
    rows = pd.DataFrame(
        {
            "AGE": [20.0, np.nan, 21.5],
            "RATE": pd.array([1, None, 3], dtype="Int64"),
            "CITY": ["Genf", None, 7],
            "extra": 1,
        }
    )
    records = to_records(rows, SCHEMA)
    assert records == [
        {"AGE": 20, "RATE": 1, "CITY": "Genf"},
        {"AGE": None, "RATE": None, "CITY": None},
        {"AGE": 21.5, "RATE": 3, "CITY": "7"},
    ]
    assert isinstance(records[0]["AGE"], int)
    json.dumps(records, allow_nan=False)
    assert to_records(pd.DataFrame({"AGE": [np.inf]}), SCHEMA) == [{"AGE": None}]


def test_a_slow_product_is_sent_fewer_rows_at_once(params: Params) -> None:
    assert rows_per_request(params, "credit_risk") == 100
    assert rows_per_request(params, "customer_reply") == 20
