"""Thumbs and corrected replies: what is kept as an outcome, and what people are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipelines.blocks.operations import Service
from pipelines.problems.reply.answer import judged
from pipelines.records.feedback import labelled
from pipelines.records.predictions import Logged, append
from pipelines.records.review import items_of
from pipelines.records.store import Records, open_records
from pipelines.serving.answers import Reply
from pipelines.serving.desk import Desk
from pipelines.serving.loaded import Loaded

ROW = {"history": "customer: hello\nagent: Hi!\ncustomer: where is it", "knowledge": '{"Parcel": "P1"}', "looked_up": 1}
ANSWER = {
    "reply": "On its way.", "action": "coming", "confidence": 0.8, "hand_over": False, "why": "", "evidence": [],
    "alternatives": [{"reply": "It is lost.", "action": "lost", "quality": 0.2}],
}  # fmt: skip


class Model:
    def confirmed(self, answer: Mapping[str, Any]) -> Any:
        return answer.get("reply")

    def doubt(self, row: Mapping[str, Any], answer: Mapping[str, Any], given: Any) -> dict[str, Any]:
        return judged.doubt(row, answer, given)


class House:
    """A desk with a log of two answered rows: one with a reply, one without; and a review queue."""

    def __init__(self, folder: Path) -> None:
        self.log = open_records(f"sqlite:///{folder / 'log.db'}")
        self.queue: Records = open_records(f"sqlite:///{folder / 'records.db'}")
        at = "2026-05-01T10:00:00.000Z"
        append(
            self.log, [Logged("r1", 0, "p", "v", at, ROW, ANSWER), Logged("r2", 0, "p", "v", at, ROW, {"reply": None})]
        )
        loaded = SimpleNamespace(product="p", model=Model(), schema={"task": "reply", "classes": []})
        self.desk = Desk(lambda: {"p": cast(Loaded, loaded)}, Service())
        self.desk.journal = cast(Any, SimpleNamespace(log=self.log))
        self.desk.queue = self.queue

    def tell(self, *items: dict[str, Any]) -> Reply:
        body = json.dumps(list(items)).encode()
        return asyncio.run(self.desk.feedback("p", "application/json", body, "page"))

    def statuses(self, *items: dict[str, Any]) -> list[str]:
        return [result["status"] for result in self.tell(*items).body["results"]]

    def outcomes(self) -> dict[str, Any]:
        return {one.request_id: outcome for one, outcome in labelled(self.log, "p", "", "9999")}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.log.close()
    made.queue.close()


def test_a_thumb_up_is_the_outcome_that_was_answered_and_nobody_is_asked(house: House) -> None:
    assert house.statuses({"request_id": "r1", "thumb": "up"}) == ["joined"]
    assert house.outcomes() == {"r1": "On its way."}
    assert items_of(house.queue, "p") == []
    assert house.statuses({"request_id": "r1", "outcome": "On its way."}) == ["duplicate"]


def test_a_thumb_down_teaches_nothing_and_waits_for_a_person(house: House) -> None:
    assert house.statuses({"request_id": "r1", "thumb": "down"}) == ["asked"]
    assert house.outcomes() == {}
    (item,) = items_of(house.queue, "p")
    assert (item.source, item.kind, item.key, item.given) == ("chat", "chat", "r1:0", None)
    assert item.shown["messages"][0] == {"from": "customer", "text": "hello"}
    assert item.shown["reply"] == "On its way."
    assert [one["label"] for one in item.proposed] == ["On its way.", "It is lost."]


def test_a_correction_after_a_thumb_down_is_an_outcome_and_the_same_item(house: House) -> None:
    house.tell({"request_id": "r1", "thumb": "down"})
    assert house.statuses({"request_id": "r1", "outcome": "It comes today."}) == ["joined"]
    assert house.outcomes() == {"r1": "It comes today."}
    (item,) = items_of(house.queue, "p")
    assert item.given == "It comes today."
    assert item.priority < judged.ASKED_SOONER


def test_unknown_rows_and_thumbs_at_nothing_are_told_apart(house: House) -> None:
    asked = [
        {"request_id": "r9", "thumb": "up"},
        {"request_id": "r2", "thumb": "up"},
        {"request_id": "r2", "thumb": "down"},
    ]
    assert house.statuses(*asked) == ["unknown request", "nothing to confirm", "asked"]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"thumb": "sideways"}, "'up' or 'down'"),
        ({"thumb": []}, "'up' or 'down'"),
        ({"thumb": "up", "outcome": "x"}, "one of both"),
        ({}, "is missing"),
        ({"outcome": ""}, "text of 1 to"),
        ({"outcome": "x", "stars": 5}, "allowed: request_id, row, outcome, thumb"),
    ],
)
def test_wrong_items_are_refused_by_name(house: House, item: dict[str, Any], words: str) -> None:
    reply = house.tell({"request_id": "r1", **item})
    assert reply.status == 422
    assert words in json.dumps(reply.body)


def test_without_a_queue_a_thumb_down_is_refused_and_a_correction_is_kept(house: House) -> None:
    house.desk.queue = None
    assert house.tell({"request_id": "r1", "thumb": "down"}).status == 503
    assert house.statuses({"request_id": "r1", "outcome": "It comes today."}) == ["joined"]
