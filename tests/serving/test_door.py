from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipelines.serving.answers import Reply
from pipelines.serving.door import Door, House
from pipelines.serving.keyring import Keyring
from pipelines.serving.labels import ASKED

LIMIT = 1000


class Behind:
    """What lies behind the door: notes the body, answers as told."""

    def __init__(self, status: int = 200, kind: bytes = b"application/json", body: bytes = b"{}") -> None:
        self.answer = (status, kind, body)
        self.heard: bytes | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            message = await receive()
            self.heard = message["body"]
        status, kind, body = self.answer
        headers = [(b"content-type", kind), (b"allow", b"POST")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


LOCAL = ("127.0.0.1", 4000)
ABROAD = ("203.0.113.9", 4000)


def house(ready: tuple[bool, str] = (True, "serves p 1"), answerer: Any = None, **more: Any) -> House:
    return House(lambda: ready, {"predict": answerer} if answerer else {}, Keyring(always=False), **more)


def knock(
    app: Behind,
    method: str = "POST",
    path: str = "/v1/p/other",
    pieces: tuple[bytes, ...] = (b"",),
    headers: tuple[tuple[bytes, bytes], ...] = (),
    rooms: House | None = None,
    client: tuple[str, int] = LOCAL,
    **more: Any,
) -> tuple[int, dict[bytes, bytes], bytes, int]:
    """``(status, headers, body, pieces left unread)``."""
    waiting = list(pieces)
    sent: list[Any] = []

    async def receive() -> Any:
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    door = Door(app, LIMIT, rooms or house())
    scope = {"type": "http", "method": method, "path": path, "headers": list(headers), "server": LOCAL, **more}
    asyncio.run(door({**scope, "client": client}, receive, send))
    assert [message["type"] for message in sent[:2]] == ["http.response.start", "http.response.body"]
    body = b"".join(message["body"] for message in sent[1:])
    assert not sent[-1].get("more_body")
    return sent[0]["status"], dict(sent[0]["headers"]), body, len(waiting)


def test_a_body_in_pieces_is_handed_on_whole() -> None:
    app = Behind()
    status, _, body, _ = knock(app, pieces=(b'{"rows"', b": [", b"]}"))
    assert (status, body, app.heard) == (200, b"{}", b'{"rows": []}')


def test_a_body_at_the_limit_passes_and_one_beyond_is_refused_and_drained() -> None:
    assert knock(Behind(), pieces=(b"x" * LIMIT,))[0] == 200
    app = Behind()
    status, headers, body, left = knock(app, pieces=(b"x" * 600, b"x" * 600, b"x" * 600))
    assert (status, app.heard, left) == (413, None, 0)
    assert headers[b"connection"] == b"close"
    assert headers[b"content-type"] == b"application/json"
    assert b"larger than" in body


def test_a_client_that_asks_first_is_told_before_it_sends() -> None:
    headers = ((b"content-length", b"50000000"), (b"expect", b"100-continue"))
    status, _, _, left = knock(Behind(), pieces=(b"x" * 10,), headers=headers)
    assert (status, left) == (413, 1)


@pytest.mark.parametrize(("status", "words"), [(404, b"no such page"), (405, b"not allowed")])
def test_plain_errors_of_the_framework_become_json(status: int, words: bytes) -> None:
    found, headers, body, _ = knock(Behind(status, b"text/plain; charset=utf-8", b"Not Found"))
    assert found == status
    assert headers[b"content-type"] == b"application/json"
    assert words in body
    assert (b"allow" in headers) is True


def test_json_errors_of_the_service_are_left_as_they_are() -> None:
    body = b'{"error":"no model"}'
    assert knock(Behind(404, b"application/json", body))[2] == body


@pytest.mark.parametrize(("ready", "status"), [((True, "serves p 1"), 200), ((False, "waits for x"), 503)])
def test_readiness_is_answered_in_words(ready: tuple[bool, str], status: int) -> None:
    found, _, body, _ = knock(Behind(), "GET", "/readyz", rooms=house(ready))
    assert (found, body.decode()) == (status, f"{ready[1]}\n")


def test_other_protocols_pass_through() -> None:
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(Door(app, LIMIT, house())({"type": "lifespan"}, nothing, nothing))
    assert heard == ["lifespan"]


def test_a_declared_body_beyond_the_limit_is_answered_before_it_is_read() -> None:
    headers = ((b"content-length", b"50000000"),)
    order: list[str] = []

    async def receive() -> Any:
        order.append("read")
        return {"type": "http.request", "body": b"x" * 1000, "more_body": len(order) < 5}

    async def send(message: Any) -> None:
        order.append(f"sent {message.get('status', '')}".strip())

    door = Door(Behind(), LIMIT, house())
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": list(headers), "server": LOCAL, "client": LOCAL}
    asyncio.run(door(scope, receive, send))
    assert order[:2] == ["sent 413", "sent"]
    assert order[-1] == "sent"


def test_a_body_without_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.serving.door.DRAIN_BYTES", 10_000)
    read = 0

    async def receive() -> Any:
        nonlocal read
        read += 1000
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def send(_: Any) -> None:
        return None

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "server": LOCAL, "client": LOCAL}
    asyncio.run(Door(Behind(), LIMIT, house())(scope, receive, send))
    assert read <= 13_000


async def echo(product: str, kind: str, raw: bytes, client: str) -> Reply:
    return Reply(200, {"heard": [product, kind, raw.decode(), client]})


def test_a_prediction_is_answered_by_the_desk_and_not_by_what_lies_behind() -> None:
    app = Behind()
    headers = ((b"content-type", b"application/json"),)
    status, _, body, _ = knock(
        app, path="/v1/p/predict", pieces=(b"a", b"b"), headers=headers, rooms=house(answerer=echo)
    )
    assert (status, body) == (200, b'{"heard":["p","application/json","ab",""]}')
    assert app.heard is None


def test_a_desk_that_fails_is_a_500_in_json_and_frees_its_place(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(*_: Any) -> Reply:
        raise RuntimeError("secret of the inside")

    rooms = house(answerer=fails, max_in_flight=1)
    for _ in range(3):
        status, headers, body, _ = knock(Behind(), path="/v1/p/predict", rooms=rooms)
        assert (status, headers[b"content-type"]) == (500, b"application/json")
        assert b"secret" not in body


def test_beyond_the_stated_load_429_says_when_to_come_again_and_a_place_that_is_free_is_given() -> None:
    statuses: list[int] = []
    retry: list[bytes] = []
    gate: asyncio.Event

    async def slow(*_: Any) -> Reply:
        await gate.wait()
        return Reply(200, {})

    async def scene() -> None:
        nonlocal gate
        gate = asyncio.Event()
        door = Door(Behind(), LIMIT, house(answerer=slow, max_in_flight=3))

        async def ask() -> None:
            async def receive() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Any) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])
                    retry.extend(value for name, value in message["headers"] if name == b"retry-after")

            where = {"type": "http", "method": "POST", "path": "/v1/p/predict", "headers": []}
            await door({**where, "server": LOCAL, "client": LOCAL}, receive, send)

        asked = [asyncio.create_task(ask()) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert statuses == [429, 429]
        gate.set()
        await asyncio.gather(*asked)
        await ask()

    asyncio.run(scene())
    assert sorted(statuses) == [200, 200, 200, 200, 429, 429]
    assert retry == [b"1", b"1"]


@pytest.mark.parametrize("path", ["/v1/p/predict", "/v1/products", "/docs.json", "/v1/products/p/card"])
def test_from_another_machine_nothing_under_v1_is_told_without_a_key(path: str) -> None:
    method = "POST" if path.endswith("predict") else "GET"
    status, headers, body, _ = knock(Behind(), method, path, rooms=house(answerer=echo), client=ABROAD)
    assert (status, headers[b"www-authenticate"]) == (401, b"Bearer")
    assert b"Authorization: Bearer" in body


@pytest.mark.parametrize("path", ["/readyz", "/livez", "/metrics", "/"])
def test_health_and_metrics_need_no_key(path: str) -> None:
    assert knock(Behind(), "GET", path, client=ABROAD)[0] == 200


def test_the_path_that_the_metrics_folded_is_given_back() -> None:
    rooms = house(answerer=echo)
    status, _, body, _ = knock(Behind(), path="other", rooms=rooms, **{ASKED: "/v1/unseen/predict"})
    assert (status, b"unseen" in body) == (200, True)
