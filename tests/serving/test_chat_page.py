"""The chat page in a real Chromium against a real service: dialogue, suggestion, knowledge, feedback, cancel."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium, on_a_phone, one, text_of, too_wide, unlabelled, until
from reply_lanes import PRODUCT, packed, with_writer, write_params
from text_lanes import Lane as TextLane
from text_lanes import params_for as text_params
from text_lanes import rows as text_rows

from pipelines.blocks.operations import Service
from pipelines.layout import Layout
from pipelines.records.feedback import labelled
from pipelines.records.predictions import window
from pipelines.records.review import Item, items_of
from pipelines.records.store import open_records
from pipelines.serving.launch import Running, running

pytestmark = [pytest.mark.service, pytest.mark.slow]
SHOTS = os.environ.get("NIGHTSHIFT_SCREENSHOTS")
KNOWN = {"Parcel": "P777123", "Carrier": "Zeppelin Mail", "Day": "Sunday", "Time": "9:45 pm", "State": "delivered"}
DELIVERED = "The parcel P777123 was delivered by Zeppelin Mail on Sunday at 9:45 pm."


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("chat"))
    write_params(made)
    return made


@pytest.fixture(scope="module")
def served(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    replies = packed(tmp_path_factory.getbasetemp() / "replies", True).bundle
    slow = with_writer(replies, tmp_path_factory.mktemp("slow") / "bundle", "slow", tokens=400)
    texts = TextLane(tmp_path_factory.mktemp("notes"), text_params({"linear_text": {}}), text_rows(400))
    texts.whole()
    notes = texts.layout.stage("package", "notes") / "bundle"
    with running(layout, {PRODUCT: replies, "slow": slow, "notes": notes}, Service(), log=True) as started:
        yield started


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def chat(driver: Any, served: Running) -> Any:
    open_chat(driver, served)
    return driver


def open_chat(driver: Any, served: Running, product: str = PRODUCT) -> None:
    driver.get("about:blank")
    driver.get(f"{served.url}/chat#{product}")
    until(lambda: one(driver, "#columns").is_displayed())


def say(driver: Any, text: str, wait: bool = True) -> None:
    from selenium.webdriver.common.keys import Keys

    one(driver, "#message").send_keys(text, Keys.ENTER)
    if wait:
        until(lambda: one(driver, "#meta").is_displayed() and not one(driver, "#working").is_displayed())


def value_of(driver: Any, selector: str) -> str:
    return str(one(driver, selector).get_attribute("value"))


def shot(driver: Any, name: str) -> None:
    """A picture of the whole page for a person's eyes, where a folder for them is named."""
    if SHOTS:
        height = driver.execute_script("return document.documentElement.scrollHeight")
        width = driver.execute_script("return document.documentElement.clientWidth")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def know(driver: Any) -> None:
    box = one(driver, "#knowledge-box")
    if box.get_attribute("open") is None:
        one(driver, "#knowledge-box summary").click()
    one(driver, "#tab-raw").click()
    driver.execute_script(
        "const raw = document.getElementById('raw'); raw.value = arguments[0];"
        "raw.dispatchEvent(new Event('input', {bubbles: true}));",
        json.dumps(KNOWN),
    )


def test_a_dialogue_of_several_turns_with_knowledge_ends_in_the_right_reply(chat: Any) -> None:
    say(chat, "my package has not arrived")
    assert "parcel" in value_of(chat, "#reply")
    assert text_of(chat, "#action .first .name") == "ask parcel"
    assert text_of(chat, "#intent strong")
    shot(chat, "chat-first")
    one(chat, "#send-reply").click()
    assert [item.text.split("\n")[0] for item in chat.find_elements("css selector", "#log li")] == ["Customer", "Agent"]
    assert "as suggested" in text_of(chat, "#log li.agent .how")
    know(chat)
    say(chat, "it is P777123")
    assert value_of(chat, "#reply") == DELIVERED
    until(lambda: one(chat, "#intent").is_displayed())
    one(chat, "#evidence-box summary").click()
    assert len(chat.find_elements("css selector", "#evidence li")) >= 1
    assert "%" in text_of(chat, "#sure .hint")
    one(chat, "#tab-pairs").click()
    pairs = [box.get_attribute("value") for box in chat.find_elements("css selector", ".pair input")]
    assert dict(zip(pairs[::2], pairs[1::2], strict=True)) == KNOWN
    assert text_of(chat, "#knowledge-count") == str(len(KNOWN))
    shot(chat, "chat-knowledge")


def test_a_corrected_reply_and_a_thumb_reach_the_log_as_outcomes(chat: Any, layout: Layout) -> None:
    say(chat, "where is my parcel?")
    suggested, first = value_of(chat, "#reply"), text_of(chat, "#request")
    one(chat, "#reply").send_keys(" It stands on the slip.")
    assert one(chat, "#restore").is_displayed()
    one(chat, "#send-reply").click()
    assert "edited" in text_of(chat, "#log li.agent .how")
    until(lambda: "joined" in text_of(chat, "#judged"))
    say(chat, "it is P100200")
    second, right = text_of(chat, "#request"), value_of(chat, "#reply")
    one(chat, "#up").click()
    until(lambda: "joined" in text_of(chat, "#judged"))
    assert not one(chat, "#up").is_enabled()
    log = open_records(layout.log_url)
    told = {answered.request_id: outcome for answered, outcome in labelled(log, PRODUCT, "", "9999")}
    log.close()
    assert told[first] == f"{suggested} It stands on the slip."
    assert told[second] == right


def test_a_thumb_down_waits_for_review_and_asks_what_should_have_been_said(chat: Any, layout: Layout) -> None:
    say(chat, "hello")
    request, suggested = text_of(chat, "#request"), value_of(chat, "#reply")
    one(chat, "#down").click()
    until(lambda: "review queue" in text_of(chat, "#judged"))
    assert "should have been said" in text_of(chat, "#judged")
    assert chat.switch_to.active_element.get_attribute("id") == "reply"
    shot(chat, "chat-thumb-down")
    items = review_items(layout)
    assert items[f"{request}:0"].given is None
    assert items[f"{request}:0"].proposed[0]["label"] == suggested
    chat.switch_to.active_element.send_keys("Good day to you!")
    one(chat, "#send-reply").click()
    until(lambda: "joined" in text_of(chat, "#judged"))
    assert review_items(layout)[f"{request}:0"].given == "Good day to you!"


def review_items(layout: Layout) -> dict[str, Item]:
    records = open_records(layout.records_url)
    found = {item.key: item for item in items_of(records, PRODUCT)}
    records.close()
    return found


def test_a_hand_over_is_shown_with_its_reason_and_the_agent_writes(chat: Any) -> None:
    say(chat, "где моя посылка")
    assert "For a person: the message is not in a script that was learned" in text_of(chat, "#verdict")
    assert value_of(chat, "#reply") == ""
    assert not one(chat, "#judge").is_displayed()
    shot(chat, "chat-hand-over")
    one(chat, "#reply").send_keys("Please write English.")
    one(chat, "#send-reply").click()
    assert "own words" in text_of(chat, "#log li.agent .how")


def test_cancel_stops_the_work_and_says_so(driver: Any, served: Running, layout: Layout) -> None:
    from selenium.webdriver.common.keys import Keys

    open_chat(driver, served, "slow")
    say(driver, "my package has not arrived", wait=False)
    until(lambda: "tokens" in text_of(driver, "#progress"))
    shot(driver, "chat-writing")
    one(driver, "#cancel").click()
    until(lambda: "Cancelled" in text_of(driver, "#desk-error"))
    assert not one(driver, "#working").is_displayed()
    one(driver, "#message").send_keys("hello?", Keys.ENTER)
    until(lambda: "tokens" in text_of(driver, "#progress"))
    one(driver, "#message").send_keys(Keys.ESCAPE)
    until(lambda: "Cancelled" in text_of(driver, "#desk-error"))
    log = open_records(layout.log_url)
    assert window(log, "slow", "", "9999") == []
    log.close()


def test_knowledge_that_cannot_be_read_is_said_at_its_field(chat: Any) -> None:
    one(chat, "#knowledge-box summary").click()
    one(chat, "#tab-raw").click()
    one(chat, "#raw").send_keys("{")
    assert "not JSON" in text_of(chat, "#raw-problem")
    one(chat, "#tab-pairs").click()
    assert one(chat, "#panel-raw").is_displayed()
    say(chat, "hello", wait=False)
    until(lambda: "knowledge" in text_of(chat, "#desk-error"))


def test_markup_of_a_person_is_shown_and_never_run(chat: Any) -> None:
    text = "<img src=x onerror=window.ran=1> & <b>bold</b>"
    say(chat, text)
    assert text in text_of(chat, "#log li p")
    assert chat.execute_script(
        "return [Boolean(window.ran), document.querySelectorAll('#log img, #log b').length]"
    ) == [
        False,
        0,
    ]


def test_a_keyboard_is_enough_and_words_begun_by_an_agent_stay(chat: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    one(chat, "body").send_keys(Keys.TAB)
    assert chat.switch_to.active_element.get_attribute("class") == "skip"
    one(chat, "#message").send_keys("one", Keys.SHIFT, Keys.ENTER, Keys.NULL, "two")
    assert value_of(chat, "#message") == "one\ntwo"
    one(chat, "#message").send_keys(Keys.ENTER)
    until(lambda: one(chat, "#meta").is_displayed())
    reply = one(chat, "#reply")
    reply.clear()
    reply.send_keys("Just a moment")
    say(chat, "are you there")
    assert value_of(chat, "#reply") == "Just a moment"
    one(chat, "#restore").click()
    assert value_of(chat, "#reply") not in ("", "Just a moment")
    one(chat, "#reply").send_keys(Keys.ENTER)
    assert len(chat.find_elements("css selector", "#log li.agent")) == 1
    one(chat, "#fresh").click()
    assert chat.find_elements("css selector", "#log li") == []


def test_it_fits_390_pixels_speaks_chinese_and_the_browser_has_nothing_to_complain_about(
    driver: Any, served: Running
) -> None:
    driver.get_log("browser")
    with on_a_phone(driver):
        open_chat(driver, served)
        say(driver, "Looking for Italian food " + "x" * 120)
        know(driver)
        one(driver, "#tab-pairs").click()
        assert too_wide(driver) == []
        assert unlabelled(driver) == 0
        shot(driver, "chat-phone")
    one(driver, "#language").click()
    assert text_of(driver, "#send") == "发送"
    one(driver, "#theme").click()
    shot(driver, "chat-dark")
    one(driver, "#theme").click()
    one(driver, "#language").click()
    assert [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_first_page_leads_to_the_chat_of_its_product(driver: Any, served: Running) -> None:
    driver.get("about:blank")
    driver.get(f"{served.url}/#{PRODUCT}")
    link = until(lambda: [a for a in driver.find_elements("css selector", "#chat-link") if a.is_displayed()])[0]
    assert link.get_attribute("href").endswith(f"/chat#{PRODUCT}")
    link.click()
    until(lambda: one(driver, "#columns").is_displayed())
    assert one(driver, "#product").get_attribute("value") == PRODUCT
