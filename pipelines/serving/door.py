"""What every request passes: key, load and body limits, readiness in words, errors as JSON.

Predictions and feedback are answered from here, without the framework's routing, request objects and response models,
which take longer than the model does. BentoML's metrics, tracing and timeout lie outside the door and so hold for them;
its schema comes from the API methods of the service, which ask the same desk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from pipelines.serving.answers import Reply, refusal
from pipelines.serving.keyring import Keyring
from pipelines.serving.labels import unfold
from pipelines.serving.streaming import Stream, encode

logger = logging.getLogger("nightshift.serving")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answerer = Callable[[str, str, bytes, str], Awaitable[Reply | Stream]]
"""product, content type, body, client -> reply."""
SCOPES = {"reply/stream": "predict"}  # of a route whose name is no scope of a key

DRAIN_BYTES = 64 << 20
DRAIN_SECONDS = 5.0
"""So much of a body that was refused is read and dropped after the answer has gone out: a client that sends all before
it reads would else find the connection reset, and never hear why."""
PLAIN_ERRORS = {404: "no such page", 405: "this method is not allowed here"}
KEPT_PAGES = ("/docs.json", "/schema.json")  # they describe products: a key is asked for as under /v1/


@dataclass(frozen=True)
class House:
    """What the door leads to and goes by.

    Attributes:
        readiness: ``(ready, words)`` for ``GET /readyz``.
        routes: ``POST /v1/<product>/<name>`` by name; the name is also the scope that a key must have, or ``SCOPES``.
        keyring: who may come in.
        max_in_flight: requests of those routes that are answered at once.
    """

    readiness: Callable[[], tuple[bool, str]]
    routes: Mapping[str, Answerer]
    keyring: Keyring
    max_in_flight: int = 256


class Door:
    """ASGI middleware.

    Args:
        app: what lies behind it.
        max_body_bytes: a larger body is answered with 413.
        house: what it leads to.
    """

    def __init__(self, app: App, max_body_bytes: int, house: House) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.house = house
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        unfold(scope)
        path, method = scope["path"], scope["method"]
        parts = path.split("/")
        name = "/".join(parts[3:])
        answerer = self.house.routes.get(name) if parts[1:2] == ["v1"] and parts[2:3] != [""] else None
        if answerer is not None and method == "POST":
            await self._ask(answerer, parts[2], name, scope, receive, send)
        elif path == "/readyz" and method in ("GET", "HEAD"):
            ready, words = self.house.readiness()
            await _text(send, 200 if ready else 503, words)
        else:
            await self._pass(path, scope, receive, send)

    async def _ask(
        self, answerer: Answerer, product: str, name: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = dict(scope["headers"])
        client = self.house.keyring.admit(scope, headers, SCOPES.get(name, name))
        if isinstance(client, Reply):
            await reply(send, client)
            return
        if self._in_flight >= self.house.max_in_flight:
            words = f"{self._in_flight} requests are being answered, which is this worker's limit; try again soon"
            await reply(send, refusal(429, words, headers=((b"retry-after", b"1"),)))
            return
        self._in_flight += 1
        try:
            body = await self._body(headers, receive, send)
            if body is not None:
                kind = headers.get(b"content-type", b"").decode("latin-1")
                answer = await answerer(product, kind, body, client)
                await (reply(send, answer) if isinstance(answer, Reply) else _tell(receive, send, answer))
        except Exception:
            logger.exception("POST /v1/%s/%s failed", product[:48], name)
            await reply(send, refusal(500, "this request could not be answered; the service's log says why"))
        finally:
            self._in_flight -= 1

    async def _pass(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if path.startswith("/v1/") or path in KEPT_PAGES:
            client = self.house.keyring.admit(scope, headers, None)
            if isinstance(client, Reply):
                await reply(send, client)
                return
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            body = await self._body(headers, receive, send)
            if body is None:
                return
            receive = _replay(body, receive)
        await self.app(scope, receive, _json_errors(send))

    async def _body(self, headers: dict[bytes, bytes], receive: Receive, send: Send) -> bytes | None:
        """The whole body, or None where it was too large and 413 has been answered."""
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self.max_body_bytes:
            await self._refuse(receive, send, drain=headers.get(b"expect") != b"100-continue")
            return None
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                break
            piece = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(piece)
            if size > self.max_body_bytes:
                await self._refuse(receive, send, drain=more)
                return None
            pieces.append(piece)
        return b"".join(pieces)

    async def _refuse(self, receive: Receive, send: Send, drain: bool) -> None:
        """413 at once, then the connection closes."""
        body = refusal(413, f"the body is larger than {self.max_body_bytes / (1 << 20):g} MiB").encode()
        await _start(send, 413, b"application/json", body, [(b"connection", b"close")])
        await send({"type": "http.response.body", "body": body, "more_body": drain})
        if drain:
            try:
                await asyncio.wait_for(_drop(receive), DRAIN_SECONDS)
            except TimeoutError:
                pass
            finally:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(receive: Receive) -> None:
    size, more = 0, True
    while more and size < DRAIN_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _json_errors(send: Send) -> Send:
    """Answers of the framework itself that are plain text (404, 405) become JSON like every other refusal."""
    swallow = False

    async def sent(message: Message) -> None:
        nonlocal swallow
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            if message["status"] in PLAIN_ERRORS and kind.startswith(b"text/plain"):
                swallow = True
                kept = tuple(item for item in message["headers"] if item[0] == b"allow")
                await reply(send, refusal(message["status"], PLAIN_ERRORS[message["status"]], headers=kept))
        if not swallow:
            await send(message)

    return sent


async def reply(send: Send, answer: Reply) -> None:
    """Send a whole JSON answer."""
    body = answer.encode()
    await _start(send, answer.status, b"application/json", body, list(answer.headers))
    await send({"type": "http.response.body", "body": body})


async def _tell(receive: Receive, send: Send, stream: Stream) -> None:
    """Send events as they come, and listen whether the client is still there."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stream.leave()

    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    watching = asyncio.ensure_future(watch())
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for event in stream.events():
            await send({"type": "http.response.body", "body": encode(event), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except OSError:  # the connection broke while something was sent
        logger.info("a stream broke off while it was sent")
    finally:
        stream.leave()
        watching.cancel()


async def _text(send: Send, status: int, words: str) -> None:
    body = f"{words}\n".encode()
    await _start(send, status, b"text/plain; charset=utf-8", body, [])
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, kind: bytes, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    fixed = [(b"content-type", kind), (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
