from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipelines.serving.door import Door

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


def knock(
    app: Behind,
    method: str = "POST",
    path: str = "/v1/p/predict",
    pieces: tuple[bytes, ...] = (b"",),
    headers: tuple[tuple[bytes, bytes], ...] = (),
    ready: tuple[bool, str] = (True, "serves p 1"),
) -> tuple[int, dict[bytes, bytes], bytes, int]:
    """``(status, headers, body, pieces left unread)``."""
    waiting = list(pieces)
    sent: list[Any] = []

    async def receive() -> Any:
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    door = Door(app, LIMIT, lambda: ready)
    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    asyncio.run(door(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"], len(waiting)


def test_a_body_in_pieces_is_handed_on_whole() -> None:
    app = Behind()
    status, _, body, _ = knock(app, pieces=(b'{"rows"', b": [", b"]}"))
    assert (status, body, app.heard) == (200, b"{}", b'{"rows": []}')


def test_a_body_at_the_limit_passes_and_one_beyond_is_refused_after_it_was_read() -> None:
    assert knock(Behind(), pieces=(b"x" * LIMIT,))[0] == 200
    app = Behind()
    status, headers, body, left = knock(app, pieces=(b"x" * 600, b"x" * 600, b"x" * 600))
    assert (status, app.heard, left) == (413, None, 0)
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
    found, _, body, _ = knock(Behind(), "GET", "/readyz", ready=ready)
    assert (found, body.decode()) == (status, f"{ready[1]}\n")


def test_other_protocols_pass_through() -> None:
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(Door(app, LIMIT, lambda: (True, ""))({"type": "lifespan"}, nothing, nothing))
    assert heard == ["lifespan"]
