"""What the page's server takes and refuses, and what its files hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_house import INTENTS, fill_house, make_house
from starlette.testclient import TestClient

from pipelines.records import review, review_answers
from pipelines.records.store import Records, open_records
from pipelines.review.desk import Desk
from pipelines.review.server import MAX_BODY, OWN, make_app
from pipelines.serving.page import read_files

TOKEN = "the-token-of-this-page"
HEADERS = {"x-nightshift-token": TOKEN, "content-type": "application/json"}


class Client:
    """One product's page, asked without a browser."""

    def __init__(self, folder: Path, product: str) -> None:
        self.layout, self.params = make_house(folder)
        self.records: Records = open_records(self.layout.records_url, synchronous="NORMAL")
        fill_house(self.records, 3)
        self.product = product
        desk = Desk(self.layout, self.params, product, self.records)
        self.http = TestClient(make_app(desk, "ann", TOKEN), base_url="http://127.0.0.1:8095")

    def post(self, path: str, body: Any, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(path, content=raw, headers={**HEADERS, **headers})

    def next(self, annotator: str = "ann") -> dict[str, Any]:
        return dict(self.post("/api/next", {"annotator": annotator}).json())

    def answer(self, item: int, answer: Any, once: str = "", **more: Any) -> Any:
        body = {"annotator": "ann", "item": item, "action": "answer", "answer": answer, "sureness": 3, "note": ""}
        return self.post("/api/answer", {**body, "once": once or f"{item:08}", **more})


@pytest.fixture
def wards(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path, "wards")
    yield client
    client.records.close()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """For what is refused: nothing is ever kept."""
    client = Client(tmp_path_factory.mktemp("untouched"), "wards")
    yield client
    client.records.close()


def test_an_answer_is_kept_and_the_next_item_comes_with_it(wards: Client) -> None:
    first = wards.next()
    assert first["progress"] == {"left": 3, "done": 0, "open": 3, "settled": 0}
    reply = wards.answer(first["item"]["id"], "urinary", sureness=1, note=" odd \0 ").json()
    assert (reply["kept"], reply["state"]) == (first["item"]["id"], "settled")
    assert reply["item"]["id"] != first["item"]["id"]
    assert reply["progress"]["done"] == 1
    kept = review_answers.history(wards.records, "wards")[0]
    assert (kept.annotator, kept.answer, kept.sureness, kept.note) == ("ann", "urinary", 1, "odd \0")


def test_a_post_that_is_sent_again_is_one_answer(wards: Client) -> None:
    item = wards.next()["item"]["id"]
    for _ in range(3):
        assert wards.answer(item, "urinary", "the-same-post").status_code == 200
    assert len(review_answers.history(wards.records, "wards")) == 1


def test_an_undo_shows_the_item_again_with_what_was_said(wards: Client) -> None:
    item = wards.next()["item"]["id"]
    wards.answer(item, "urinary", sureness=2, note="hm")
    reply = wards.post("/api/undo", {"annotator": "ann", "once": "undo-one-1"}).json()
    assert reply["item"]["id"] == item
    assert reply["before"] == {"answer": "urinary", "sureness": 2, "note": "hm"}
    assert review.items_of(wards.records, "wards")[0].state == "open"
    assert "before" not in wards.post("/api/undo", {"annotator": "bob", "once": "undo-one-2"}).json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-nightshift-token": "another"}, 403),
        ({"x-nightshift-token": ""}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"host": "evil.example:8095"}, 421),
    ],
)
def test_a_post_from_elsewhere_is_refused_and_keeps_nothing(
    untouched: Client, headers: dict[str, str], status: int
) -> None:
    body = {"annotator": "ann", "item": 4, "action": "answer", "answer": "urinary", "once": "12345678"}
    assert untouched.post("/api/answer", body, **headers).status_code == status
    assert review_answers.history(untouched.records, "wards") == []


def test_another_host_name_cannot_read_the_token(untouched: Client) -> None:
    for path in ("/", "/api/session", "/page/review.js"):
        assert untouched.http.get(path, headers={"host": "evil.example"}).status_code == 421
    assert untouched.http.get("/api/session", headers={"host": "localhost:1234"}).json()["token"] == TOKEN
    assert untouched.http.get("/api/session").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answer": "nothing like it"}, "must be one of"),
        ({"answer": None}, "must be one of"),
        ({"annotator": " \u200b\n"}, "annotator"),
        ({"annotator": "x" * 65}, "annotator"),
        ({"annotator": 7}, "annotator"),
        ({"item": "4"}, "item"),
        ({"item": True}, "item"),
        ({"action": "retract"}, "action"),
        ({"sureness": 4}, "sureness"),
        ({"sureness": True}, "sureness"),
        ({"note": "x" * 2001}, "note"),
        ({"once": "short"}, "once"),
        ({"once": "with space"}, "once"),
        ({"magic": 1}, "'magic' is not known"),
    ],
)
def test_what_cannot_be_right_is_refused_in_words(untouched: Client, change: dict[str, Any], says: str) -> None:
    right = {"annotator": "ann", "item": 4, "action": "answer", "answer": "urinary", "once": "12345678"}
    reply = untouched.post("/api/answer", {**right, **change})
    assert reply.status_code == 422
    assert says in reply.json()["error"]
    assert review_answers.history(untouched.records, "wards") == []


@pytest.mark.parametrize(("raw", "status"), [(b"{", 400), (b"[1]", 400), (b" " * (MAX_BODY + 1), 413), (b"\xff", 400)])
def test_a_body_that_is_no_object_is_refused(untouched: Client, raw: bytes, status: int) -> None:
    assert untouched.post("/api/answer", raw).status_code == status


def test_an_item_that_is_not_there_is_an_error_and_not_an_answer(untouched: Client) -> None:
    reply = untouched.answer(999_999, "urinary")
    assert reply.status_code == 500
    assert "no such item" in reply.json()["error"]


def test_protected_columns_are_not_shown_and_a_number_is_taken(tmp_path: Path) -> None:
    loans = Client(tmp_path / "a", "loans")
    assert loans.next()["item"]["shown"] == {"income": 1000.5, "sum": 0, "town": "Köln"}
    assert loans.answer(loans.next()["item"]["id"], 1).status_code == 200
    loans.records.close()
    prices = Client(tmp_path / "b", "prices")
    assert prices.http.get("/api/session").json()["kind"] == "number"
    assert prices.answer(prices.next()["item"]["id"], "much").status_code == 422
    assert prices.answer(prices.next()["item"]["id"], 12).status_code == 200
    assert review_answers.history(prices.records, "prices")[0].answer == 12.0
    prices.records.close()


def test_a_session_names_the_classes(tmp_path: Path) -> None:
    intents = Client(tmp_path, "intents")
    assert intents.http.get("/api/session").json()["classes"] == INTENTS
    intents.records.close()


def test_the_files_name_no_outside_host_and_make_no_html_from_text() -> None:
    for name, file in read_files(OWN).items():
        text = file.body.decode()
        assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )
    html = (OWN / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son[a-z]+=", html)


def test_both_languages_say_the_same_things() -> None:
    text = (OWN / "review-words.js").read_text()
    english, chinese = (set(re.findall(r"(\w+): \"", part)) for part in text.split("const ZH")[:2])
    assert english == chinese
    used = {name for path in OWN.glob("*.js") for name in re.findall(r"\bword\(\"(\w+)\"", path.read_text())}
    used |= set(re.findall(r'data-word="(\w+)"', (OWN / "index.html").read_text()))
    assert used <= english
