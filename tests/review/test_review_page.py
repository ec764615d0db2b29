"""The review page in a real Chromium against a real ``nightshift review``, also when that is killed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium, text_of, until
from review_house import MARKUP, ask, fill_house, make_house
from review_pages import Page, open_page, page_of, press, ready

from pipelines.layout import Layout
from pipelines.records import review, review_answers
from pipelines.records.review_answers import Answer
from pipelines.records.schema import review_items
from pipelines.records.store import Records, open_records

pytestmark = [pytest.mark.slow, pytest.mark.service]
SHOTS = os.environ.get("NIGHTSHIFT_SCREENSHOTS")
"""A folder to keep pictures in, to look at."""


@dataclass
class House:
    layout: Layout
    records: Records
    pages: dict[str, Page]

    def said(self, product: str) -> list[Answer]:
        return review_answers.history(self.records, product)


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    layout, _ = make_house(tmp_path)
    records = open_records(layout.records_url)
    fill_house(records)
    yield House(layout, records, {})
    records.close()


def shot(driver: Any, name: str) -> None:
    if SHOTS:
        driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))


def narrow(driver: Any, on: bool = True) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd(*(("Emulation.setDeviceMetricsOverride", size) if on else
                             ("Emulation.clearDeviceMetricsOverride", {})))  # fmt: skip


def test_a_keyboard_is_enough(driver: Any, house: House) -> None:
    from selenium.webdriver.common.keys import Keys

    with page_of(house.layout, "wards") as page:
        open_page(driver, page)
        assert text_of(driver, "#counts") == "0 answered by you, 6 left"
        assert "text 0" in text_of(driver, "#content")
        press(driver, "3")
        assert "text 1" in text_of(driver, "#content")
        driver.find_element("css selector", "body").send_keys(Keys.SHIFT + "1" + Keys.NULL)
        press(driver, "n")
        assert driver.switch_to.active_element.get_attribute("id") == "note"
        driver.switch_to.active_element.send_keys("123 s u", Keys.ESCAPE)
        press(driver, "1")
        press(driver, "s")
        assert "text 3" in text_of(driver, "#content")
        assert text_of(driver, "#counts") == "2 answered by you, 3 left"
        press(driver, "u", "u")
        assert "text 1" in text_of(driver, "#content")
        assert driver.find_element("css selector", "#note").get_attribute("value") == "123 s u"
        assert driver.find_element("css selector", ".choices .chosen .name").text == "cardiac"
        assert driver.find_element("css selector", "input[value='1']").is_selected()
        press(driver, "2", "1", "1", "1", "1")
        until(lambda: driver.find_element("css selector", "#empty").is_displayed())
        shot(driver, "empty")
    said = house.said("wards")
    assert [(one.action, one.answer) for one in said[:5]] == [
        ("answer", "urinary"), ("answer", "cardiac"), ("skip", None), ("retract", None), ("retract", None),
    ]  # fmt: skip
    assert [(one.sureness, one.note) for one in said[:2]] == [(3, ""), (1, "123 s u")]
    assert review.counts(house.records)["wards"] == {"settled": 6}
    assert {one.annotator for one in said} == {"ann"}


def test_many_classes_are_proposed_or_searched(driver: Any, house: House) -> None:
    from selenium.webdriver.common.keys import Keys

    with page_of(house.layout, "intents") as page:
        open_page(driver, page)
        shot(driver, "many-classes")
        assert [node.text for node in driver.find_elements("css selector", ".choices .name")] == [
            "card_lost",
            "intent_01",
        ]
        press(driver, "2")
        press(driver, "/")
        box = driver.switch_to.active_element
        assert box.get_attribute("id") == "search"
        box.send_keys("card")
        found = [node.text for node in driver.find_elements("css selector", "#found .name")]
        assert found == ["card_lost", "card_stolen"]
        shot(driver, "search")
        box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
        until(lambda: "text 2" in text_of(driver, "#content"))
        press(driver, "/")
        driver.switch_to.active_element.send_keys("intent")
        assert "44 more" in text_of(driver, "#found")
        driver.switch_to.active_element.send_keys(" 73", Keys.ENTER)
        until(lambda: "text 3" in text_of(driver, "#content"))
    assert [one.answer for one in house.said("intents")] == ["intent_01", "card_stolen", "intent_73"]


def test_several_labels_are_switched_on_and_kept_together(driver: Any, house: House) -> None:
    from selenium.webdriver.common.keys import Keys

    review.add_items(house.records, [ask("topics", 50, given="cardiac;urinary", priority=5.0)])
    with page_of(house.layout, "topics") as page:
        open_page(driver, page)
        pressed = (
            "return [...document.querySelectorAll('.choices [aria-pressed=true] .name')].map((n) => n.textContent)"
        )
        assert driver.execute_script(pressed) == ["cardiac", "urinary"]
        press(driver, "1", "2")
        assert driver.execute_script(pressed) == ["digestive", "urinary"]
        shot(driver, "several")
        press(driver, Keys.ENTER)
        until(lambda: "text 0" in text_of(driver, "#content"))
        press(driver, Keys.ENTER)
        assert "text 0" in text_of(driver, "#content"), "no label is no answer"
        press(driver, "3", Keys.ENTER, "u")
        assert driver.execute_script(pressed) == ["urinary"]
    assert [one.answer for one in house.said("topics")] == ["digestive;urinary", "urinary", None]


def test_a_table_shows_its_fields_and_yes_or_no(driver: Any, house: House) -> None:
    with page_of(house.layout, "loans") as page:
        open_page(driver, page)
        assert [node.text for node in driver.find_elements("css selector", "#content dt")] == ["income", "sum", "town"]
        assert [node.text for node in driver.find_elements("css selector", ".choices .name")] == ["0 · no", "1 · yes"]
        shot(driver, "table")
        press(driver, "2")
    assert house.said("loans")[0].answer == 1


def test_a_number_is_typed_or_the_models_is_taken(driver: Any, house: House) -> None:
    from selenium.webdriver.common.keys import Keys

    with page_of(house.layout, "prices") as page:
        open_page(driver, page)
        press(driver, "1")
        press(driver, "/")
        driver.switch_to.active_element.send_keys("many", Keys.ENTER)
        assert "not a number" in text_of(driver, "#notice")
        box = driver.find_element("css selector", "#number")
        box.clear()
        box.send_keys("120,5", Keys.ENTER)
        until(lambda: "2 answered" in text_of(driver, "#counts"))
        shot(driver, "number")
    assert [one.answer for one in house.said("prices")] == [99.5, 120.5]


def test_a_chat_gets_a_text(driver: Any, house: House) -> None:
    from selenium.webdriver.common.keys import Keys

    with page_of(house.layout, "chats") as page:
        open_page(driver, page)
        shot(driver, "chat")
        box = driver.find_element("css selector", "#reply")
        box.send_keys("It is on its way.")
        box.send_keys(Keys.CONTROL, Keys.ENTER)
        until(lambda: "1 answered" in text_of(driver, "#counts"))
    assert house.said("chats")[0].answer == "It is on its way."


def test_markup_is_shown_and_never_run_at_any_width(driver: Any, house: House) -> None:
    review.add_items(house.records, [ask("wards", 9, shown={"text": f"{MARKUP} " + "word " * 3000}, given=MARKUP,
                                         similar=[{"label": MARKUP, "text": MARKUP, "similarity": 0.5}],
                                         priority=5.0)])  # fmt: skip
    with page_of(house.layout, "wards") as page:
        driver.get_log("browser")
        narrow(driver)
        try:
            open_page(driver, page)
            driver.find_element("css selector", "#similar-box summary").click()
            for selector in ("#title", "#why", "#content", "#given", "#similar"):
                assert MARKUP in text_of(driver, selector), selector
            assert not driver.execute_script("return Boolean(window.ran)")
            wide = driver.execute_script(
                "return [...document.querySelectorAll('body *')].filter((node) =>"
                " node.getBoundingClientRect().right > 391).map((node) => node.id || node.className)"
            )
            assert wide == []
            bare = driver.execute_script(
                "return [...document.querySelectorAll('input, textarea')].filter((node) => !node.labels.length).length"
            )
            assert bare == 0
            shot(driver, "narrow")
        finally:
            narrow(driver, False)
        assert [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_two_annotators_at_once_get_different_rows(driver: Any, house: House) -> None:
    with page_of(house.layout, "wards") as page, chromium() as second:
        open_page(driver, page)
        open_page(second, page)
        field = second.find_element("css selector", "#annotator")
        field.clear()
        field.send_keys("bob\n")
        until(lambda: ready(second) and "text 1" in text_of(second, "#content"))
        assert "text 0" in text_of(driver, "#content")
        for key in "123":
            press(driver, key)
            press(second, key)
        until(lambda: driver.find_element("css selector", "#empty").is_displayed())
    said = house.said("wards")
    assert sorted(one.annotator for one in said) == ["ann"] * 3 + ["bob"] * 3
    assert len({one.item for one in said}) == 6, "nobody answered what the other had"


def test_a_page_left_open_over_a_night_still_counts(driver: Any, house: House) -> None:
    with page_of(house.layout, "wards") as page:
        open_page(driver, page)
        with house.records.changing() as connection:
            connection.execute(review_items.update().values(held_until="2026-01-01T00:00:00.000Z"))
        done = review.replace_items(house.records, "wards", [ask("wards", 77)])
        assert done.withdrawn == 6
        page.kill()
        page.start()
        press(driver, "3")
        assert "text 77" in text_of(driver, "#content")
        assert not driver.find_element("css selector", "#notice").is_displayed()
    assert [(one.key, said[0].answer) for one, said in review_answers.votes(house.records, "wards")] == [
        ("0", "urinary")
    ]


def test_what_is_answered_while_the_server_is_dead_is_kept_once_it_lives(driver: Any, house: House) -> None:
    with page_of(house.layout, "wards") as page:
        open_page(driver, page)
        press(driver, "1")
        page.kill()
        driver.find_element("css selector", "body").send_keys("2")
        until(lambda: "Not kept yet" in text_of(driver, "#notice"))
        assert "text 1" in text_of(driver, "#content"), "the page does not move on"
        shot(driver, "not-kept-yet")
        page.start()
        until(lambda: ready(driver) and "text 2" in text_of(driver, "#content"))
        assert not driver.find_element("css selector", "#notice").is_displayed()
    assert [one.answer for one in house.said("wards")] == ["cardiac", "digestive"]


def test_the_language_changes_and_nothing_else(driver: Any, house: House) -> None:
    with page_of(house.layout, "wards") as page:
        open_page(driver, page)
        driver.find_element("css selector", "#language").click()
        assert re.search("跳过", text_of(driver, "#skip"))
        assert "text 0" in text_of(driver, "#content")
        shot(driver, "chinese")
        driver.find_element("css selector", "#language").click()
        assert "Skip" in text_of(driver, "#skip")
