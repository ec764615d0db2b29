"""What every request passes before and after the service: body limit, readiness in words, errors as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pipelines.serving.answers import Reply, refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DRAIN_BYTES = 256 << 20  # of a body that is too large are read and dropped, so that the client hears why
PLAIN_ERRORS = {404: "no such page", 405: "this method is not allowed here"}


class Door:
    """ASGI middleware.

    Args:
        app: what lies behind it.
        max_body_bytes: a larger body is answered with 413.
        readiness: ``(ready, words)`` for ``GET /readyz``.
    """

    def __init__(self, app: App, max_body_bytes: int, readiness: Callable[[], tuple[bool, str]]) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/readyz" and scope["method"] in ("GET", "HEAD"):
            ready, words = self.readiness()
            await _text(send, 200 if ready else 503, words)
        elif scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, _json_errors(send))
        else:
            await self._with_body(scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.max_body_bytes and headers.get(b"expect") == b"100-continue":
            await reply(send, self._too_large())
            return
        body = await self._read(receive)
        if body is None:
            await reply(send, self._too_large())
            return
        await self.app(scope, _replay(body, receive), _json_errors(send))

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, or None where it is too large."""
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(pieces)
            piece = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(piece)
            if size <= self.max_body_bytes:
                pieces.append(piece)
            elif size > DRAIN_BYTES:
                return None
        return b"".join(pieces) if size <= self.max_body_bytes else None

    def _too_large(self) -> Reply:
        return refusal(413, f"the body is larger than {self.max_body_bytes / (1 << 20):g} MiB")


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
                kept = [item for item in message["headers"] if item[0] == b"allow"]
                await reply(send, refusal(message["status"], PLAIN_ERRORS[message["status"]]), kept)
        if not swallow:
            await send(message)

    return sent


async def reply(send: Send, answer: Reply, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send a whole JSON answer."""
    body = answer.encode()
    await _whole(send, answer.status, b"application/json", body, headers or [])


async def _text(send: Send, status: int, words: str) -> None:
    await _whole(send, status, b"text/plain; charset=utf-8", f"{words}\n".encode(), [])


async def _whole(send: Send, status: int, kind: bytes, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    fixed = [(b"content-type", kind), (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
