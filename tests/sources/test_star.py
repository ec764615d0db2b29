"""STAR's event log as rows of replies: what stands in them was known before the reply."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from pipelines.sources.star import UNFINISHED, replies

Event = tuple[str, str, str | None, str | None, dict[str, Any] | None]

TALK: list[Event] = [
    ("UserGuide", "instruct", "Ask for a ride.", None, None),
    ("User", "utter", "Hi,\nI need a taxi", None, None),
    ("Wizard", "select_task", None, None, {"Task": "ride_book"}),
    ("Wizard", "request_suggestions", "where from", None, None),
    ("Wizard", "pick_suggestion", "Where are you?", "ride_ask_departure", {"ActionLabelOptions": ["ride_ask"]}),
    ("User", "utter", "At the harbour", None, None),
    ("Wizard", "query", None, None, {"APIName": "ride_book", "Constraints": [
        {"DepartureLocation": '"the harbour"'}, {"Price": "api.is_at_most(12)"}, {"Name": 'api.is_equal_to("Bo")'},
        {"CustomerRequest": "null"}]}),
    ("KnowledgeBase", "return_item", None, None, {"Item": {"APIName": "ride_book", "Price": 9}}),
    ("Wizard", "utter", "Nine euros, fine?", None, None),
    ("User", "utter", "too much", None, None),
    ("KnowledgeBase", "return_item", None, None, {"Item": None}),
    ("Wizard", "request_suggestions", "nothing cheaper", None, None),
    ("Wizard", "pick_suggestion", "I found nothing.", "ride_nothing", None),
    ("User", "complete", None, None, None),
]  # fmt: skip


def _events(number: int, talk: list[Event]) -> pd.DataFrame:
    names = ("agent", "action", "text", "action_label", "other_json")
    rows = [dict(zip(names, (*one[:4], json.dumps(one[4]) if one[4] else None), strict=True)) for one in talk]
    return pd.DataFrame(rows).assign(dialogue_id=number, event=range(len(rows)))


def test_rows_hold_what_was_said_looked_up_and_drafted_before_each_reply() -> None:
    first, second, third = replies(_events(8, TALK)).to_dict("records")
    assert first["history"] == "customer: Hi, I need a taxi"
    assert json.loads(first["knowledge"]) == {"Task": "ride_book"}
    assert (first["action"], first["reply"], first["draft"]) == ("ride_ask_departure", "Where are you?", "where from")
    assert second["history"].split("\n")[1:] == ["agent: Where are you?", "customer: At the harbour"]
    assert json.loads(second["knowledge"]) == {
        "APIName": "ride_book", "Price": 9, "Found": True, "Task": "ride_book",
        "Request.DepartureLocation": "the harbour", "Request.Price": "12", "Request.Name": "Bo",
    }  # fmt: skip
    assert (second["action"], second["draft"], second["looked_up"]) == ("utter", None, 1)
    assert json.loads(third["knowledge"])["Found"] is False
    assert "Price" not in json.loads(third["knowledge"])
    assert (third["draft"], third["looked_up"], third["split"]) == ("nothing cheaper", 1, "valid")


def test_no_row_depends_on_what_came_after_it() -> None:
    whole = replies(_events(10, TALK))
    cut = [*TALK[:9], TALK[-1]]
    assert replies(_events(10, cut)).to_dict("records") == whole.iloc[:2].to_dict("records")


def test_unfinished_dialogues_are_left_out() -> None:
    events = pd.concat([_events(9, TALK), _events(7, TALK[:-1]), _events(UNFINISHED, TALK)])
    rows = replies(events)
    assert rows["dialogue_id"].unique().tolist() == [9]
    assert set(rows["split"]) == {"test"}
