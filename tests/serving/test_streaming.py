"""Server-sent events: what is sent when, what is logged, and that a client who leaves ends the work."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.blocks.operations import Service
from pipelines.errors import RecordsError
from pipelines.problems.reply.answer.answers import as_parts
from pipelines.serving.answers import Call, Reply, refusal
from pipelines.serving.desk import Desk
from pipelines.serving.door import Door, House
from pipelines.serving.keyring import Keyring
from pipelines.serving.loaded import Loaded
from pipelines.serving.streaming import Event, Stream, encode

ANSWER = {
    "reply": "Good  day,\nyou",
    "action": "hello",
    "confidence": 0.9,
    "hand_over": False,
    "why": "",
    "evidence": [],
}
LOCAL = ("127.0.0.1", 4000)


class Writer:
    """Tells the action, then writes ``tokens`` tokens; notes how far it came."""

    def __init__(self, tokens: int = 2, error: Exception | None = None, pause: float = 0.0) -> None:
        self.tokens, self.error, self.pause = tokens, error, pause
        self.steps, self.ended_by = 0, ""

    def tell(self, row: Any, listen: Callable[..., None], explain: bool = False) -> dict[str, Any]:  # noqa: ARG002
        try:
            listen("action", {"action": "hello"})
            for _ in range(self.tokens):
                self.steps += 1
                listen("writing", {"tokens": self.steps})
                time.sleep(self.pause)
        except Exception as error:
            self.ended_by = type(error).__name__
            raise
        if self.error is not None:
            raise self.error
        return dict(ANSWER)

    def parts(self, answer: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        return as_parts(answer)


class Silent:
    def check(self, rows: Any) -> tuple[list[Any], dict[int, list[str]]]:  # noqa: ARG002
        return [], {}


def loaded(model: Any) -> Loaded:
    return cast(Loaded, SimpleNamespace(product="p", version="v1", model=model, validator=Silent()))


class Log:
    """Takes an answer for the log; ``order`` notes when, between the events."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.kept: list[Reply] = []

    async def keep(self, reply: Reply) -> Reply:
        await asyncio.sleep(0)
        self.kept.append(reply)
        return reply if self.status == 200 else refusal(self.status, "the log is full")


def heard(
    model: Writer, log: Log, leave_after: int | None = None, seconds: float = 5.0
) -> tuple[list[Event], list[int]]:
    """The events, and how many answers were kept when each of them came."""

    async def listen() -> tuple[list[Event], list[int]]:
        stream = Stream(Call(loaded(model), [{}], False, {}), log.keep, seconds)
        events: list[Event] = []
        kept: list[int] = []
        async for event in stream.events():
            events.append(event)
            kept.append(len(log.kept))
            if len(events) == leave_after:
                stream.leave()
        return events, kept

    return asyncio.run(listen())


def test_text_comes_only_when_the_whole_reply_is_checked_and_logged() -> None:
    log = Log()
    events, kept = heard(Writer(), log)
    names = [name for name, _ in events]
    assert names == ["action", "writing", "writing", "verdict", "evidence", "piece", "piece", "piece", "done"]
    assert kept == [0, 0, 0] + [1] * 6
    assert "".join(data["text"] for name, data in events if name == "piece") == ANSWER["reply"]
    assert events[-1][1] == log.kept[0].body
    assert events[-1][1]["answers"] == [ANSWER]
    assert not [name for name in names[:3] if ANSWER["reply"] in json.dumps(dict(events[names.index(name)][1]))]


def test_what_cannot_be_logged_is_not_told() -> None:
    events, _ = heard(Writer(), Log(503))
    assert [name for name, _ in events] == ["action", "writing", "writing", "error"]
    assert events[-1][1] == {"status": 503, "error": "the log is full"}


def test_a_client_who_leaves_ends_the_work_and_nothing_is_logged() -> None:
    model, log = Writer(10_000, pause=0.002), Log()
    events, _ = heard(model, log, leave_after=3)
    assert len(events) == 3
    assert model.ended_by == "LeftError"
    assert model.steps < 1000
    assert log.kept == []


def test_a_client_who_leaves_while_the_text_is_sent_leaves_a_whole_row() -> None:
    log = Log()
    events, _ = heard(Writer(), log, leave_after=6)
    assert [name for name, _ in events][-1] == "piece"
    assert [reply.body["answers"] for reply in log.kept] == [[ANSWER]]


def test_work_without_end_is_ended() -> None:
    model = Writer(10_000, pause=0.002)
    events, _ = heard(model, Log(), seconds=0.05)
    assert events[-1] == ("error", {"status": 504, "error": "no answer within 0.05 seconds"})
    assert model.ended_by == "LeftError"


def test_an_error_of_the_model_is_told_in_words_without_its_text() -> None:
    events, _ = heard(Writer(error=ValueError("a secret of the row")), Log())
    assert events[-1][0] == "error"
    assert events[-1][1]["status"] == 500
    assert "secret" not in str(events)


@settings(max_examples=40)
@given(st.text(max_size=60), st.booleans())
def test_pieces_put_together_are_the_reply_and_the_verdict_comes_first(text: str, over: bool) -> None:
    parts = as_parts({**ANSWER, "reply": text or None, "hand_over": over})
    assert "".join(data["text"] for name, data in parts if name == "piece") == text
    assert (parts[0][0], parts[0][1]["hand_over"]) == ("verdict", over)
    for part in parts:
        sent = encode(part).decode("ascii")
        assert sent.count("\n") == 3
        assert json.loads(sent.partition("data: ")[2]) == part[1]


# --- through the door ------------------------------------------------------------------------------------------------


def knock(desk: Desk, path: str = "/v1/p/reply/stream", leave_after: int | None = None, key: bytes = b"") -> list[Any]:
    """Messages that were sent for a request of one row; the client leaves after so many of them."""
    sent: list[Any] = []
    asked = json.dumps({"rows": [{}]}).encode()
    left = None

    async def receive() -> Any:
        nonlocal asked
        if asked:
            body, asked = asked, b""
            return {"type": "http.request", "body": body, "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == leave_after:
            left.set()
            await asyncio.sleep(0)

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nothing passes the door here")

    async def call() -> None:
        nonlocal left
        left = asyncio.Event()
        headers = [(b"authorization", key)] if key else []
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "server": LOCAL, "client": LOCAL}
        rooms = House(lambda: (True, ""), {"reply/stream": desk.stream}, Keyring(always=False))
        await Door(behind, 10_000, rooms)(scope, receive, send)

    asyncio.run(call())
    return sent


def desk_of(model: Any) -> Desk:
    return Desk(lambda: {"p": loaded(model)}, Service())


def test_events_go_out_one_by_one_and_are_never_kept_by_a_cache() -> None:
    start, *bodies = knock(desk_of(Writer()))
    headers = dict(start["headers"])
    assert (start["status"], headers[b"content-type"]) == (200, b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store"
    assert len(bodies) == 10
    assert bodies[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert bodies[0]["body"] == b'event: action\ndata: {"action":"hello"}\n\n'


def test_the_door_notices_a_client_who_leaves() -> None:
    model = Writer(10_000, pause=0.002)
    knock(desk_of(model), leave_after=3)
    assert model.ended_by == "LeftError"


def test_refusals_come_before_anything_is_streamed() -> None:
    for model, path, status, words in (
        (Silent(), "/v1/p/reply/stream", 404, "has no stream"),
        (Writer(), "/v1/q/reply/stream", 404, "no model answers"),
    ):
        start, body = knock(desk_of(model), path)
        assert (start["status"], dict(start["headers"])[b"content-type"]) == (status, b"application/json")
        assert words in body["body"].decode()
    assert knock(desk_of(Writer()), key=b"Bearer wrong")[0]["status"] == 401


@pytest.mark.parametrize("error", [RecordsError("full", next_step="wait")])
def test_a_journal_that_fails_becomes_an_error_event(error: RecordsError) -> None:
    class Full:
        async def keep(self, values: Any) -> None:  # noqa: ARG002
            raise error

    desk = desk_of(Writer())
    desk.journal = cast(Any, Full())
    bodies = [message["body"] for message in knock(desk)[1:]]
    assert bodies[-2].startswith(b"event: error")
    assert b"no answer is given that is not logged" in bodies[-2]
    assert not [body for body in bodies if body.startswith(b"event: piece")]
