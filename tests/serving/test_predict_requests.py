from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from bundles import TASKS, bundle_of, offline
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.layout import Layout
from pipelines.release.requests import bad_requests
from pipelines.serving.answers import THREAD_ROWS, Call, Reply, read_call
from pipelines.serving.loaded import Loaded, load

MAX_ROWS = 100
JSON = "application/json"


@pytest.fixture(scope="module")
def current(small: Layout) -> Mapping[str, Loaded]:
    return {product: load(product, None, bundle_of(small, product)) for product in TASKS}


def ask(current: Mapping[str, Loaded], product: str, body: Any, content_type: str = JSON) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = read_call(current, product, content_type, raw, MAX_ROWS)
    return call if isinstance(call, Reply) else call.reply(call.ask())


@pytest.mark.parametrize("product", TASKS)
def test_an_answer_equals_the_offline_prediction(current: Mapping[str, Loaded], small: Layout, product: str) -> None:
    rows = [current[product].example()["rows"][0]] * 3
    reply = ask(current, product, {"rows": rows})
    assert reply.status == 200
    assert reply.body["product"] == product
    assert reply.body["version"] == current[product].version
    wanted = offline(bundle_of(small, product), rows).tolist()
    found = [answer["score"] for answer in reply.body["answers"]]
    assert [list(score.values()) if isinstance(score, dict) else score for score in found] == wanted


def test_a_binary_answer_decides_by_its_threshold(current: Mapping[str, Loaded]) -> None:
    answer = ask(current, "breast", current["breast"].example()).body["answers"][0]
    assert answer["decision"] == int(answer["score"] >= answer["threshold"])
    assert answer["threshold"] == 0.4


def test_request_ids_differ(current: Mapping[str, Loaded]) -> None:
    body = current["wine"].example()
    assert ask(current, "wine", body).body["request_id"] != ask(current, "wine", body).body["request_id"]


@pytest.mark.parametrize("product", TASKS)
def test_reasons_come_on_request_strongest_first(current: Mapping[str, Loaded], product: str) -> None:
    body = {**current[product].example(), "explain": True}
    answer = ask(current, product, body).body["answers"][0]
    sizes = [abs(reason["contribution"]) for reason in answer["reasons"]]
    assert sizes
    assert sizes == sorted(sizes, reverse=True)
    assert "reasons" not in ask(current, product, current[product].example()).body["answers"][0]


def test_a_warning_goes_with_its_row(current: Mapping[str, Loaded]) -> None:
    row = current["breast"].example()["rows"][0]
    reply = ask(current, "breast", {"rows": [row, {**row, "mean_radius": 30.0}]})
    assert "warnings" not in reply.body["answers"][0]
    assert reply.body["answers"][1]["warnings"][0].startswith("mean_radius: 30.0 is outside")


def test_the_example_of_every_product_is_answered_without_a_warning(current: Mapping[str, Loaded]) -> None:
    for product in TASKS:
        reply = ask(current, product, current[product].example())
        assert reply.status == 200
        assert "warnings" not in reply.body["answers"][0]


@pytest.mark.parametrize("product", TASKS)
def test_every_bad_request_is_refused_by_name(current: Mapping[str, Loaded], product: str) -> None:
    loaded = current[product]
    requests = bad_requests(product, loaded.schema, loaded.example()["rows"][0], MAX_ROWS)
    assert len(requests) > 60
    for bad in requests:
        if bad.method == "POST":
            asked = bad.path.split("/")[2]
            reply = read_call(current, asked, bad.headers["Content-Type"], bad.body, MAX_ROWS)
            assert isinstance(reply, Reply), bad.name
            assert 400 <= reply.status < 500, bad.name
            assert bad.names in reply.encode().decode(), bad.name


def test_a_refusal_lists_every_problem(current: Mapping[str, Loaded]) -> None:
    row = current["breast"].example()["rows"][0]
    reply = ask(current, "breast", {"rows": [row, {**row, "visits": "many", "size": 3}]})
    assert reply.status == 422
    assert [(item["row"], item["field"]) for item in reply.body["problems"]] == [(1, "visits"), (1, "size")]
    assert reply.body["error"].startswith("row 1, field 'visits': must be a number, not text (and 1 more)")


def test_nothing_is_answered_before_the_first_champion() -> None:
    reply = ask({}, "breast", {"rows": [{}]})
    assert reply.status == 404
    assert "none yet" in reply.body["error"]


def test_many_rows_and_explanations_go_to_a_thread(current: Mapping[str, Loaded]) -> None:
    row = current["breast"].example()["rows"][0]

    def call(rows: int, explain: bool = False) -> Call:
        made = read_call(current, "breast", JSON, json.dumps({"rows": [row] * rows, "explain": explain}).encode(), 100)
        assert isinstance(made, Call)
        return made

    assert not call(1).long
    assert call(THREAD_ROWS).long
    assert call(1, explain=True).long


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_refused_without_an_error(current: Mapping[str, Loaded], raw: bytes) -> None:
    reply = read_call(current, "breast", JSON, raw, MAX_ROWS)
    assert isinstance(reply, Reply)
    assert 400 <= reply.status < 500
    reply.encode()


@pytest.mark.parametrize("content_type", ["", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_by_any_of_its_names_is_read(current: Mapping[str, Loaded], content_type: str) -> None:
    assert ask(current, "wine", current["wine"].example(), content_type).status == 200


def test_a_lone_surrogate_does_not_break_the_refusal(current: Mapping[str, Loaded]) -> None:
    reply = ask(current, "breast", b'{"rows": [{"\\ud800": 1, "size": "\\udfff"}]}')
    assert reply.status == 422
    assert b"\\ud800" in reply.encode()


def test_a_number_of_very_many_digits_is_refused(current: Mapping[str, Loaded]) -> None:
    reply = ask(current, "breast", b'{"rows": [{"visits": ' + b"9" * 10_000 + b"}]}")
    assert reply.status == 400
    assert "cannot be read" in reply.body["error"]
