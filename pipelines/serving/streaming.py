"""An answer told as it comes, as server-sent events (HTML Living Standard, section 9.2).

What the model tells before its answer is known is sent at once (``action``, ``writing``). The text is not: it is sent
when the whole reply is written, ranked, checked and in the prediction log, so nobody reads what a check would have
refused, and nothing is read that is not logged. ``done`` holds what ``predict`` would have answered.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import anyio.to_thread

from pipelines.problems import Telling
from pipelines.serving.answers import ENCODER, Call, Reply, refusal

logger = logging.getLogger("nightshift.serving")

SECONDS = 10.0  # for which an answer may be worked at
Event = tuple[str, Mapping[str, Any]]
Keep = Callable[[Reply], Awaitable[Reply]]
"""Logs an answer; gives it back, or the refusal that stands for it."""


class LeftError(Exception):
    """Nobody waits for this answer any more: raised into the model's work, which ends there."""


class Stream:
    """One answer on its way.

    Args:
        call: the request, of one row, to a model that tells.
        keep: puts the answer into the log.
        seconds: for which it may be worked at.
    """

    def __init__(self, call: Call, keep: Keep, seconds: float = SECONDS) -> None:
        assert isinstance(call.loaded.model, Telling)
        self._model: Telling = call.loaded.model
        self._call, self._keep, self._seconds = call, keep, seconds
        self._ended = threading.Event()
        self._late = False
        self._heard: asyncio.Queue[Event | None] = asyncio.Queue()

    def leave(self) -> None:
        """The client has gone: the work ends at its next step."""
        self._ended.set()

    def _expire(self) -> None:
        self._late = True
        self._ended.set()

    async def events(self) -> AsyncIterator[Event]:
        """Events up to ``done`` or ``error``; fewer where the client leaves."""
        loop = asyncio.get_running_loop()
        steps = 0

        def listen(name: str, data: Mapping[str, Any]) -> None:
            nonlocal steps
            if self._ended.is_set():
                raise LeftError
            steps += 1
            loop.call_soon_threadsafe(self._heard.put_nowait, (name, data))

        def work() -> dict[str, Any]:
            return self._model.tell(self._call.rows[0], listen, self._call.explain)

        working = asyncio.ensure_future(anyio.to_thread.run_sync(work))
        working.add_done_callback(self._finish)
        timer = loop.call_later(self._seconds, self._expire)
        product = self._call.loaded.product
        try:
            while (heard := await self._heard.get()) is not None:
                if not self._ended.is_set():
                    yield heard
            if self._late:
                yield _error(504, f"no answer within {self._seconds:g} seconds")
            elif self._ended.is_set():
                logger.info("%s: a client left its stream after %d events; the work was ended", product, steps)
            else:
                timer.cancel()
                async for event in self._told(working.result()):
                    yield event
        except Exception:
            logger.exception("%s: a stream failed", product)
            yield _error(500, "this request could not be answered; the service's log says why")
        finally:
            timer.cancel()
            self.leave()

    def _finish(self, working: asyncio.Future[dict[str, Any]]) -> None:
        if not working.cancelled():
            working.exception()  # it is looked at where the result is; here only so that none is called unread
        self._heard.put_nowait(None)

    async def _told(self, answer: dict[str, Any]) -> AsyncIterator[Event]:
        reply = await self._keep(self._call.reply([answer]))
        if reply.status != 200:
            yield _error(reply.status, str(reply.body["error"]))
            return
        for event in self._model.parts(reply.body["answers"][0]):
            if self._ended.is_set():
                return
            yield event
        yield "done", reply.body


def _error(status: int, words: str) -> Event:
    return "error", {"status": status, "error": words}


def encode(event: Event) -> bytes:
    """An event as it is sent; the JSON is ASCII on one line."""
    return f"event: {event[0]}\ndata: {ENCODER.encode(event[1])}\n\n".encode("ascii")


def no_stream(product: str) -> Reply:
    """The refusal of a product whose model tells nothing on the way."""
    return refusal(404, f"{product} answers at once and has no stream: POST /v1/{product}/predict")
