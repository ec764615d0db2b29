"""Answers as files, several annotators as one label, the report, and a page's server killed while people answer."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_house import ask, fill_house, make_house
from review_pages import page_of
from review_world import say

from pipelines.errors import DataError
from pipelines.records import review, review_answers
from pipelines.records.review_answers import Answer
from pipelines.records.store import Records, now, open_records
from pipelines.review.door import export_line, import_line, report_lines
from pipelines.review.filling import settle
from pipelines.review.reconciling import agreement, annotators, reconcile


class House:
    """Records of a checkout with questions; ``wards`` asks two annotators, ``intents`` weighs them."""

    def __init__(self, folder: Path, rows: int = 4) -> None:
        reviews = {"wards": {"annotators": 2}, "intents": {"annotators": 2, "reconcile": "dawid_skene"}}
        self.layout, self.params = make_house(folder, reviews)
        self.records: Records = open_records(self.layout.records_url, synchronous="NORMAL")
        fill_house(self.records, rows, 2)

    def item(self, product: str, place: int) -> review.Item:
        return review.items_of(self.records, product)[place]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "house")
    yield made
    made.records.close()


def test_what_is_exported_and_imported_elsewhere_is_the_same(house: House, tmp_path: Path) -> None:
    first, second = house.item("wards", 0), house.item("wards", 1)
    say(house.records, first, "urinary", "ann", 1)
    say(house.records, first, "cardiac", "ann", 3)
    say(house.records, second, "digestive", "bob")
    file = tmp_path / "answers.jsonl"
    assert "4 items with 3 answers" in export_line(house.layout, house.params, "wards", file, False)
    other = House(tmp_path / "other", 0)
    assert "3 answers taken, 0 were here already; 4 new items" in import_line(other.layout, other.params, "wards", file)
    assert "0 answers taken, 3 were here already; 0 new items" in import_line(other.layout, other.params, "wards", file)
    again = tmp_path / "again.jsonl"
    export_line(other.layout, other.params, "wards", again, False)
    strip = [{**json.loads(line), "created_at": ""} for line in file.read_text().splitlines()]
    assert [{**json.loads(line), "created_at": ""} for line in again.read_text().splitlines()] == strip
    found = review_answers.votes(other.records, "wards")
    assert [(item.key, [one.answer for one in said]) for item, said in found] == [
        ("0", ["cardiac"]),
        ("1", ["digestive"]),
    ]
    other.records.close()


def test_answers_of_a_script_are_taken_by_key_and_older_ones_left_out(house: House, tmp_path: Path) -> None:
    say(house.records, house.item("wards", 1), "urinary", "ann")
    file = tmp_path / "script.jsonl"
    lines = [
        {"key": "0", "annotator": "ann", "answer": "urinary", "sureness": 2},
        {"key": 1, "annotator": "ann", "answer": "cardiac", "at": "2026-01-01T00:00:00.000Z"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    done = import_line(house.layout, house.params, "wards", file)
    assert "1 answers taken, 0 were here already, 1 older than what is here left out" in done
    assert [one.answer for one in review_answers.history(house.records, "wards")] == ["urinary", "urinary"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not an object"),
        ('{"key": "0", "annotator": "ann", "answer": "brain"}', "line 2: answer must be one of"),
        ('{"key": "nope", "annotator": "ann", "answer": "urinary"}', "line 2: no item row 'nope'"),
        ('{"annotator": "ann", "answer": "urinary"}', "line 2: it names no item"),
        ('{"key": "0", "annotator": "", "answer": "urinary"}', "line 2: annotator"),
        ('{"key": "0", "annotator": "a", "answer": "urinary", "sureness": 9}', "line 2: sureness"),
        ('{"key": "0", "shown": {"text": "x"}, "source": "magic"}', "line 2: source"),
        ('{"key": "0", "answers": 4}', "line 2: answers"),
    ],
)
def test_a_file_with_one_wrong_line_is_refused_as_a_whole(house: House, tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text('{"key": "0", "annotator": "ann", "answer": "urinary"}\n' + line + "\n")
    with pytest.raises(DataError, match=says):
        import_line(house.layout, house.params, "wards", file)
    assert review_answers.history(house.records, "wards") == []


def test_a_file_that_is_not_there_is_one_line(house: House, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        import_line(house.layout, house.params, "wards", tmp_path / "none")


def test_label_studio_takes_the_queue_and_gives_answers_back(house: House, tmp_path: Path) -> None:
    say(house.records, house.item("wards", 0), "urinary", "ann@ward")
    file = tmp_path / "tasks.json"
    assert "4 tasks" in export_line(house.layout, house.params, "wards", file, True)
    tasks: list[dict[str, Any]] = json.loads(file.read_text())
    assert tasks[1]["predictions"][0]["result"][0]["value"] == {"choices": ["urinary"]}
    assert tasks[1]["data"]["text"].startswith("text 1 <img")
    result = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["cardiac"]}}]
    done = {
        "id": 7,
        "completed_by": {"email": "bob@ward"},
        "result": result,
        "created_at": "2026-11-24T10:00:00.123456Z",
    }
    tasks[1]["annotations"] = [done, {**done, "id": 8, "completed_by": 3, "was_cancelled": True}]
    file.write_text(json.dumps(tasks))
    assert "2 answers taken, 1 were here already" in import_line(house.layout, house.params, "wards", file)
    assert "0 answers taken, 3 were here already" in import_line(house.layout, house.params, "wards", file)
    taken = review_answers.history(house.records, "wards")[1:]
    assert [(one.annotator, one.action, one.answer, one.at) for one in taken] == [
        ("bob@ward", "answer", "cardiac", "2026-11-24T10:00:00.123Z"),
        ("label-studio-3", "skip", None, "2026-11-24T10:00:00.123Z"),
    ]


def test_two_annotators_are_asked_and_a_third_where_they_differ(house: House) -> None:
    one, other = house.item("wards", 0), house.item("wards", 1)
    for item, labels in ((one, ("urinary", "urinary")), (other, ("urinary", "cardiac"))):
        for who, label in zip(("ann", "bob"), labels, strict=True):
            say(house.records, item, label, who)
    block = house.params.product("wards")
    found, undecided = reconcile(block, review_answers.votes(house.records, "wards"))
    assert [(label.item.key, label.label, label.share) for label in found] == [("0", "urinary", 1.0)]
    assert [(item.key, item.state, item.wanted) for item in undecided] == [("1", "open", 3)]
    seen = agreement(block, review_answers.votes(house.records, "wards"))
    assert seen.items == 2
    assert seen.kappa[("ann", "bob")] == pytest.approx(0.0)
    assert review_answers.next_item(house.records, "wards", "cem") is not None
    say(house.records, other, "cardiac", "cem")
    found, undecided = reconcile(block, review_answers.votes(house.records, "wards"))
    assert ([label.label for label in found], undecided) == (["urinary", "cardiac"], [])


def test_a_label_stands_when_more_annotators_are_asked_from_now_on(tmp_path: Path) -> None:
    from pipelines.config import load_params

    house = House(tmp_path, 0)
    review.add_items(house.records, [ask("wards", 0, wanted=1), ask("wards", 1, wanted=3)])
    for place in range(2):
        say(house.records, house.item("wards", place), "urinary")
    block = load_params(house.layout.params).product("wards")
    assert block.label.review.annotators == 2
    found, _ = reconcile(block, review_answers.votes(house.records, "wards"))
    assert [label.item.key for label in found] == ["0"]
    settle(house.records, house.params, "wards")
    assert review.counts(house.records, "wards")["wards"] == {"settled": 1, "open": 1}
    house.records.close()


def test_by_dawid_skene_who_is_mostly_right_decides_a_tie(tmp_path: Path) -> None:
    house = House(tmp_path, 40)
    items = review.items_of(house.records, "intents")
    truth = ["card_lost" if place % 2 else "card_stolen" for place in range(40)]
    other = {"card_lost": "card_stolen", "card_stolen": "card_lost"}
    said: list[tuple[review.Item, str, str]] = []
    for place, item in enumerate(items[:30]):
        said += [(item, who, truth[place]) for who in ("good", "fine")]
        said.append((item, "poor", other[truth[place]] if place % 5 < 2 else truth[place]))
    for place, item in enumerate(items[30:], start=30):
        said += [(item, "good", truth[place]), (item, "poor", other[truth[place]])]
    answers = [Answer(item.id, who, "answer", label, 3, "", now(), f"{who}-{item.id:08}") for item, who, label in said]
    review_answers.answer_all(house.records, answers)
    block, votes = house.params.product("intents"), review_answers.votes(house.records, "intents")
    assert [item.state for item, _ in votes[30:]] == ["open"] * 10, "by majority these are ties"
    found, undecided = reconcile(block, votes)
    assert undecided == []
    assert [label.label for label in found] == truth
    accuracy = {one.name: one.accuracy or 0.0 for one in annotators(block, votes)}
    assert accuracy["good"] > 0.9 > 0.7 > accuracy["poor"]
    settle(house.records, house.params, "intents")
    assert review.counts(house.records, "intents") == {"intents": {"settled": 40}}
    house.records.close()


def test_numbers_are_settled_by_their_median(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    item = house.item("prices", 0)
    for who, price in (("ann", 90.0), ("bob", 200.0), ("cem", 100.0)):
        say(house.records, item, price, who)
    votes = review_answers.votes(house.records, "prices")
    found, undecided = reconcile(house.params.product("prices"), votes)
    assert ([label.label for label in found], undecided) == ([100.0], [])
    assert annotators(house.params.product("prices"), votes)[0].accuracy is None
    house.records.close()


def test_several_labels_go_out_and_come_in_as_the_column_holds_them(house: House, tmp_path: Path) -> None:
    file = tmp_path / "topics.jsonl"
    file.write_text(json.dumps({"key": "0", "annotator": "ann", "answer": ["urinary", "cardiac"]}) + "\n")
    assert "1 answers taken" in import_line(house.layout, house.params, "topics", file)
    export_line(house.layout, house.params, "topics", file, False)
    other = House(tmp_path / "other", 0)
    assert "1 answers taken" in import_line(other.layout, other.params, "topics", file)
    assert [one.answer for one in review_answers.history(other.records, "topics")] == ["cardiac;urinary"]
    other.records.close()


def test_the_report_tells_who_agrees_and_what_was_changed(house: House) -> None:
    assert "nobody has answered yet; 4 rows wait" in report_lines(house.layout, house.params, "wards")[0]
    review.add_items(
        house.records, [ask("wards", 50 + n, given=label, wanted=2) for n, label in enumerate(("cardiac", "urinary"))]
    )
    for place in (4, 5):
        for who in ("ann", "bob"):
            say(house.records, house.item("wards", place), "urinary", who, 2)
    say(house.records, house.item("wards", 0), "urinary", "ann")
    text = "\n".join(report_lines(house.layout, house.params, "wards"))
    assert "5 answers to 3 rows, 2 labels (majority), 0 without a majority; 4 rows wait" in text
    assert "fairly 4, sure 1" in text
    assert "Krippendorff's alpha undefined" in text, "all answers are one value"
    assert "suspect                        1 of 2 (50%)" in text


@pytest.mark.slow
@pytest.mark.service
def test_a_server_killed_while_four_people_answer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """SIGKILL, three times, under load; posts that got no reply are sent again under the same name."""
    layout, _ = make_house(tmp_path)
    records = open_records(layout.records_url)
    review.add_items(records, [ask("wards", number) for number in range(120)])
    acknowledged: dict[str, int] = {}
    with page_of(layout, "wards") as page:
        stop, failures = threading.Event(), []

        def call(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
            headers = {"Content-Type": "application/json"}
            while not stop.is_set():
                try:
                    if body is not None:
                        headers["X-Nightshift-Token"] = str(call("session")["token"])
                    data = None if body is None else json.dumps(body).encode()
                    request = urllib.request.Request(f"{page.url}/api/{path}", data=data, headers=headers)
                    with urllib.request.urlopen(request, timeout=10) as reply:
                        return dict(json.loads(reply.read()))
                except urllib.error.HTTPError as error:
                    if error.code != 403:
                        raise
                except (OSError, http.client.HTTPException):  # the reply was cut off: was it kept?
                    stop.wait(0.05)
            raise TimeoutError

        def work(who: str) -> None:
            try:
                item = call("next", {"annotator": who})["item"]
                while item is not None:
                    once = f"{who}-{item['id']:08}"
                    body = {"annotator": who, "item": item["id"], "action": "answer", "answer": "urinary", "once": once}
                    reply = call("answer", body)
                    acknowledged[once] = reply["kept"]
                    item = reply["item"]
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(f"person{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for kill_at in (10, 30, 60):
            while len(acknowledged) < kill_at and not failures:
                stop.wait(0.01)
            page.kill()
            page.start()
        for thread in threads:
            thread.join(timeout=90)
        stop.set()
    assert failures == []
    kept = {one.once: one.item for one in review_answers.history(records, "wards")}
    assert {once: kept.get(once) for once in acknowledged} == acknowledged
    assert len(acknowledged) >= 120 - 12, "a row that was handed out when the server died is held for a while"
    records.close()


def test_a_refused_transaction_keeps_none_of_its_answers(house: House) -> None:
    item = house.item("wards", 0)
    with pytest.raises(DataError):
        review_answers.answer_all(
            house.records,
            [
                Answer(item.id, "ann", "answer", "urinary", 3, "", now(), "first-of-two"),
                Answer(10_000, "ann", "answer", "urinary", 3, "", now(), "second-of-two"),
            ],
        )
    assert review_answers.history(house.records, "wards") == []
