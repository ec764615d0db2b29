"""The review queue: asked once, answered in appended rows, settled by enough people, and nothing answered is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres import postgres
from sqlalchemy import text

from pipelines.errors import DataError
from pipelines.records import review, review_answers
from pipelines.records.review import Ask, Item
from pipelines.records.review_answers import Answer
from pipelines.records.schema import SCHEMA_VERSION, review_items
from pipelines.records.store import Records, now, open_records

ODD = {"text": "zwölf \0 \ud83d <b>漢</b>", "none": None}


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(f"sqlite:///{tmp_path / 'records.db'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


def ask(key: str, product: str = "p", **more: Any) -> Ask:
    values: dict[str, Any] = {"source": "suspect", "kind": "row", "shown": {**ODD, "key": key}, **more}
    return Ask(product, key=key, **values)


def say(records: Records, item: Item, label: Any, who: str = "ann", at: str = "", once: str = "") -> Item:
    moment = at or now()
    name = once or f"{who}-{item.id}-{label}-{moment}"
    return review_answers.answer(records, Answer(item.id, who, "answer", label, 3, "n \0", moment, name))


def labels(records: Records, until: str = "9999", product: str = "p") -> dict[str, list[Any]]:
    found = review_answers.votes(records, product, until)
    return {item.key: [one.answer for one in said] for item, said in found}


def exercise(records: Records) -> None:
    """What every kind of database must do."""
    done = review.add_items(records, [ask("a", priority=1.0), ask("b", priority=2.0), ask("a", priority=9.0)])
    assert (done.added, done.refreshed) == (2, 0)
    first = review_answers.next_item(records, "p", "ann")
    assert first is not None
    assert (first.key, first.shown) == ("a", {**ODD, "key": "a"})
    other = review_answers.next_item(records, "p", "bob")
    assert other is not None
    assert other.key == "b", "two people at once look at two rows"
    assert say(records, first, "x", once="the-same-post").state == "settled"
    assert say(records, first, "x", once="the-same-post").state == "settled"
    assert len(review_answers.history(records, "p")) == 1
    assert review.add_items(records, [ask("a", source="uncertain")]).known == 1
    assert review_answers.left_for(records, "p", "ann") == (1, 1)
    assert labels(records) == {"a": ["x"]}
    assert say(records, first, "y").state == "settled"
    assert labels(records) == {"a": ["y"]}
    assert [one.answer for one in review_answers.history(records, "p")] == ["x", "y"], "corrections are new rows"


def test_sqlite(records: Records) -> None:
    exercise(records)


@pytest.mark.slow
@pytest.mark.service
class TestPostgres:
    def test_it_does_the_same(self, server: str) -> None:
        opened = open_records(server)
        exercise(opened)
        opened.close()

    def test_many_annotators_at_once_share_the_rows_and_lose_nothing(self, server: str) -> None:
        share_the_rows(server)


@pytest.mark.slow
def test_many_annotators_at_once_share_the_rows_and_lose_nothing(tmp_path: Path) -> None:
    share_the_rows(f"sqlite:///{tmp_path / 'records.db'}")


def share_the_rows(url: str) -> None:
    opened = open_records(url)
    review.add_items(opened, [ask(f"row {number}", "shared") for number in range(24)])
    failures: list[BaseException] = []

    def work(who: str) -> None:
        try:
            own = open_records(url)
            while (item := review_answers.next_item(own, "shared", who)) is not None:
                say(own, item, who, who)
            own.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"annotator {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert review.counts(opened, "shared") == {"shared": {"settled": 24}}
    assert sorted(map(len, labels(opened, product="shared").values())) == [1] * 24, "no row was answered twice"
    opened.close()


def test_a_tie_asks_for_one_more_annotator_and_a_majority_settles(records: Records) -> None:
    review.add_items(records, [ask("a", wanted=2)])
    item = review.items_of(records, "p")[0]
    assert say(records, item, "x", "ann").state == "open"
    tied = say(records, item, "y", "bob")
    assert (tied.state, tied.wanted) == ("open", 3)
    assert review_answers.next_item(records, "p", "ann") is None
    assert review_answers.next_item(records, "p", "cem") is not None
    assert say(records, item, "y", "cem").state == "settled"


def test_an_undo_opens_the_item_again_and_can_go_further_back(records: Records) -> None:
    review.add_items(records, [ask("a", priority=2.0), ask("b", priority=1.0)])
    a, b = review.items_of(records, "p")
    say(records, a, "x")
    say(records, b, "y")
    for expected in (b.id, a.id):
        last = review_answers.last_of(records, "p", "ann")
        assert last is not None
        assert last.item == expected
        taken = Answer(last.item, "ann", "retract", None, None, "", now(), f"undo-{last.item}-long")
        assert review_answers.answer(records, taken).state == "open"
    assert review_answers.last_of(records, "p", "ann") is None
    assert labels(records) == {}
    assert len(review_answers.history(records, "p")) == 4


def test_what_is_skipped_goes_to_others_only(records: Records) -> None:
    review.add_items(records, [ask("a")])
    item = review.items_of(records, "p")[0]
    review_answers.answer(records, Answer(item.id, "ann", "skip", None, None, "unclear", now(), "a-skip-it-is"))
    assert review_answers.next_item(records, "p", "ann") is None
    assert review_answers.next_item(records, "p", "bob") is not None
    assert review.known_names(records, "p") == {"a": {item.name}}


def test_an_answer_to_what_a_newer_night_withdrew_still_counts(records: Records) -> None:
    review.add_items(records, [ask("old")])
    item = review.items_of(records, "p")[0]
    done = review.replace_items(records, "p", [ask("new")])
    assert (done.added, done.withdrawn) == (1, 1)
    assert review_answers.next_item(records, "p", "bob").key == "new"  # type: ignore[union-attr]
    assert say(records, item, "x").state == "settled"
    assert labels(records) == {"old": ["x"]}
    assert review.replace_items(records, "p", []).withdrawn == 0, "what somebody looks at now stays"


def test_an_item_that_is_looked_at_or_told_by_people_is_not_withdrawn(records: Records) -> None:
    review.add_items(records, [ask("told", source="contradicting_feedback"), ask("seen", priority=5.0)])
    assert review_answers.next_item(records, "p", "ann").key == "seen"  # type: ignore[union-attr]
    assert review.replace_items(records, "p", []).withdrawn == 0


def test_other_content_of_the_same_row_is_another_question(records: Records) -> None:
    review.add_items(records, [ask("a")])
    say(records, review.items_of(records, "p")[0], "x")
    assert review.add_items(records, [ask("a", shown={"text": "changed"})]).added == 1


def test_votes_of_a_day_are_those_told_by_then(records: Records) -> None:
    review.add_items(records, [ask("a")])
    item = review.items_of(records, "p")[0]
    say(records, item, "x", at="2026-01-01T10:00:00.000Z")
    say(records, item, "y", at="2026-01-02T10:00:00.000Z")
    assert labels(records, "2026-01-01T00:00:00.000Z") == {}
    assert labels(records, "2026-01-02T00:00:00.000Z") == {"a": ["x"]}
    assert labels(records, "2026-01-03T00:00:00.000Z") == {"a": ["y"]}


def test_what_was_shown_of_a_request_is_forgotten_and_who_answered_is_not(records: Records) -> None:
    review.add_items(records, [ask("r:000000", kind="request"), ask("a"), ask("c", kind="chat", source="chat")])
    with records.changing() as connection:
        connection.execute(review_items.update().values(created_at="2026-01-01T00:00:00.000Z"))
    request = review.items_of(records, "p")[0]
    say(records, request, "x")
    assert review.forget(records, "p", "2026-02-01") == 2
    assert review.forget(records, "p", "2026-02-01") == 0
    assert [(item.shown == {}, item.state) for item in review.items_of(records, "p")] == [
        (True, "settled"), (False, "open"), (True, "withdrawn"),
    ]  # fmt: skip
    assert labels(records) == {"r:000000": ["x"]}


def test_an_answer_to_nothing_is_refused(records: Records) -> None:
    with pytest.raises(DataError, match="no such item"):
        review_answers.answer(records, Answer(99, "ann", "answer", "x", 3, "", now(), "once-once"))


def test_records_of_version_2_get_the_queue_and_keep_what_they_held(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    old = open_records(url)
    with old.changing() as connection:
        connection.execute(text("INSERT INTO nights VALUES ('n', 't', NULL, 'running')"))
        connection.execute(text("DROP TABLE review_answers"))
        connection.execute(text("DROP TABLE review_items"))
        connection.execute(text("UPDATE schema_version SET version = 2"))
    old.close()
    opened = open_records(url)
    exercise(opened)
    with opened.reading() as connection:
        assert connection.execute(text("SELECT night FROM nights")).scalar() == "n"
        assert connection.execute(text("SELECT version FROM schema_version")).scalar() == SCHEMA_VERSION
    opened.close()
