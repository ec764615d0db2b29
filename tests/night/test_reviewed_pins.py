"""What people said becomes a snapshot's files: by day, without names, equal bytes for equal labels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from review_house import ask, make_house

from pipelines.config import Params
from pipelines.files import read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.night.reviewed import people_said, pin_reviewed
from pipelines.records import predictions, review, review_answers
from pipelines.records.predictions import Logged
from pipelines.records.review_answers import Answer
from pipelines.records.store import Records, open_records
from pipelines.sources.reviewed import Reviewed, apply, as_frame, mark_last

DAY = date(2026, 3, 1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Layout, Params, Records]]:
    layout, params = make_house(tmp_path)
    records = open_records(layout.records_url)
    yield layout, params, records
    records.close()


def say(records: Records, product: str, place: int, label: object, who: str, day: date) -> None:
    item = review.items_of(records, product)[place]
    at = f"{day.isoformat()}T12:00:00.000Z"
    review_answers.answer(records, Answer(item.id, who, "answer", label, 3, "", at, f"{who}-{place}-{label}-{day}"))


def pinned(layout: Layout, params: Params, product: str, day: date, folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    pin_reviewed(people_said(layout, params, product, day), params.product(product).columns, folder)
    return sha256_tree(folder)


def test_a_day_holds_what_was_said_by_its_end(house: tuple[Layout, Params, Records], tmp_path: Path) -> None:
    layout, params, records = house
    review.add_items(records, [ask("loans", number) for number in range(3)])
    say(records, "loans", 0, 1, "ann", DAY)
    say(records, "loans", 1, 0, "ann", DAY + timedelta(days=1))
    assert pinned(layout, params, "loans", DAY - timedelta(days=1), tmp_path / "before") == {}
    pinned(layout, params, "loans", DAY, tmp_path / "that")
    frame = read_parquet(tmp_path / "that" / "reviewed.parquet")
    assert frame["_key"].tolist() == ["0"]
    assert frame["_label"].tolist() == ["1"]
    assert "ann" not in str(frame.to_dict())
    first = pinned(layout, params, "loans", DAY + timedelta(days=1), tmp_path / "next")
    say(records, "loans", 0, 1, "bob", DAY + timedelta(days=1))
    say(records, "loans", 1, 1, "ann", DAY + timedelta(days=2))
    assert pinned(layout, params, "loans", DAY + timedelta(days=1), tmp_path / "again") == first
    assert pinned(layout, params, "loans", DAY + timedelta(days=2), tmp_path / "later") != first


def test_a_chat_is_learned_from_as_the_log_has_it(house: tuple[Layout, Params, Records], tmp_path: Path) -> None:
    layout, params, records = house
    log = open_records(layout.log_url)
    at = "2026-03-01T09:00:00.000Z"
    predictions.append(log, [Logged("kept", 0, "chats", "v", at, {"id": "t1", "said": "Where?"}, {"replies": []})])
    log.close()
    keys = ("kept:0", "forgotten:0", "no request")
    review.add_items(records, [ask("chats", 0, kind="chat", source="chat", key=key) for key in keys])
    for place in range(3):
        say(records, "chats", place, "On its way.", "ann", DAY)
    said = people_said(layout, params, "chats", DAY)
    assert [(one.request, one.outcome, dict(one.features)) for one in said.requests] == [
        ("kept:000000", "On its way.", {"id": "t1", "said": "Where?"})
    ]
    pinned(layout, params, "chats", DAY, tmp_path / "that")
    frame = read_parquet(tmp_path / "that" / "reviewed_requests.parquet")
    assert frame[["id", "said", "reply"]].values.tolist() == [["t1", "Where?", "On its way."]]


def test_labels_keep_the_columns_type_and_the_sources_spelling() -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "a": [1.0, 2.0, 2.0], "y": [0.0, None, 1.0]})
    reviewed = as_frame([Reviewed("2", {"a": "2"}, 1), Reviewed("3", {"a": "2", "gone": "x"}, 0)])
    done = apply(frame, ["1", "2", "3"], {"a": ["1", "2", "2"]}, reviewed, "y", {"0": 0.0, "1": 1.0})
    assert done.frame["y"].tolist() == [0.0, 1.0, 0.0]
    assert done.frame["y"].dtype == frame["y"].dtype
    assert done.frame["_label_source"].tolist() == [None, "human_review", "human_review"]
    assert (done.used, done.changed, done.left_out) == (2, 2, {})
    assert frame.columns.tolist() == ["id", "a", "y"], "the source's rows are not touched"


def test_without_a_label_in_force_there_is_no_new_column() -> None:
    frame = pd.DataFrame({"id": [1], "y": ["x"]})
    done = apply(frame, ["1"], {}, as_frame([Reviewed("9", {}, "z")]), "y", {})
    assert "_label_source" not in done.frame
    assert done.left_out == {"no longer in the source": 1}
    assert mark_last(done.frame, 0) is done.frame
    assert mark_last(done.frame, 1)["_label_source"].tolist() == ["human_review"]
