"""The page at ``/``: its files, and what a person sees of it in a real Chromium against a real service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium, on_a_phone, one, text_of, too_wide, unlabelled, until
from bundles import TASKS, bundle_of, pack_lane, write_params
from starlette.applications import Starlette

from pipelines.blocks.operations import Service as BlockOfService
from pipelines.layout import Layout
from pipelines.records import keys, registry
from pipelines.records.store import open_records
from pipelines.release.registering import register
from pipelines.serving.launch import Running, running
from pipelines.serving.page import POLICY, STATIC, make_page, read_files

OUTSIDE = re.compile(r"""(?:https?:)?//(?!www\.w3\.org)[a-z0-9.-]+\.[a-z]{2,}""", re.IGNORECASE)


@pytest.fixture(scope="module")
def page() -> Starlette:
    return make_page()


def get(app: Starlette, path: str, **headers: str) -> Any:
    from starlette.testclient import TestClient

    return TestClient(app).get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_every_file_is_served_with_its_type_and_a_strict_policy(page: Starlette) -> None:
    for path in ("/", "/chat"):
        assert get(page, path).headers["content-type"] == "text/html; charset=utf-8"
    for name, file in read_files().items():
        answer = get(page, f"/page/{name}")
        assert (answer.status_code, answer.content) == (200, file.body)
        assert answer.headers["content-type"] == file.media
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY


def test_a_browser_asks_again_and_is_told_that_nothing_has_changed(page: Starlette) -> None:
    first = get(page, "/page/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = get(page, "/page/main.js", if_none_match=f'W/{first.headers["etag"]}, "other"')
    assert (again.status_code, again.content) == (304, b"")
    assert get(page, "/page/main.js", if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("path", ["/page/none.js", "/page/../__init__.py", "/page/%2e%2e/__init__.py", "/page/"])
def test_nothing_else_is_served(page: Starlette, path: str) -> None:
    assert get(page, path).status_code == 404


def test_the_page_names_no_outside_host_and_makes_no_html_from_text() -> None:
    for name, file in read_files().items():
        text = file.body.decode()
        assert not OUTSIDE.search(text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )
    for path in STATIC.glob("*.html"):
        assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son[a-z]+=", path.read_text()), path.name


def test_both_languages_say_the_same_things() -> None:
    text = (STATIC / "words.js").read_text()
    english, chinese = (set(re.findall(r"(\w+): \"", part)) for part in text.split("const ZH")[:2])
    assert english == chinese
    used = {name for path in STATIC.rglob("*.js") for name in re.findall(r"\bword\(\"(\w+)\"", path.read_text())}
    used |= {name for path in STATIC.glob("*.html") for name in re.findall(r'data-word="(\w+)"', path.read_text())}
    assert used <= english


# --- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(small: Layout) -> Iterator[Running]:
    with running(small, {product: bundle_of(small, product) for product in TASKS}) as service:
        yield service


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def open_product(driver: Any, served: Running, product: str) -> None:
    driver.get("about:blank")
    driver.get(f"{served.url}/#{product}")
    until(lambda: driver.find_elements("css selector", "#fields .field input"))


def send(driver: Any) -> None:
    one(driver, "#send").click()
    until(lambda: one(driver, "#send").is_enabled())


@pytest.mark.service
@pytest.mark.slow
class TestInChromium:
    @pytest.mark.parametrize(
        ("product", "shown"),
        [("breast", r"\d+\.\d%"), ("wine", r"^[012]$"), ("diabetes", r"^[\d.,]+$")],
    )
    def test_the_example_is_answered_with_its_reasons(
        self, driver: Any, served: Running, product: str, shown: str
    ) -> None:
        open_product(driver, served, product)
        send(driver)
        assert re.search(shown, text_of(driver, "#answer .big .number"))
        assert driver.find_elements("css selector", "#answer .bars:not(.plain) li")
        assert text_of(driver, "#answer-version") in text_of(driver, "#model-version")
        if product == "breast":
            assert "Decision" in text_of(driver, "#answer .chip")
            assert "40.0%" in text_of(driver, "#answer .meter")

    def test_a_wrong_value_is_shown_at_its_field(self, driver: Any, served: Running) -> None:
        open_product(driver, served, "breast")
        field = one(driver, "input[name=visits]")
        field.clear()
        field.send_keys("many")
        send(driver)
        assert field.get_attribute("aria-invalid") == "true"
        note = driver.find_element("css selector", ".field.wrong .problem")
        assert "must be a number" in note.text
        assert note.get_attribute("id") in field.get_attribute("aria-describedby")
        assert driver.switch_to.active_element == field
        field.clear()
        field.send_keys("2")
        assert field.get_attribute("aria-invalid") is None
        send(driver)
        assert one(driver, "#answer .big")

    def test_several_rows_are_pasted_as_json_and_a_wrong_one_is_named(self, driver: Any, served: Running) -> None:
        open_product(driver, served, "wine")
        one(driver, "#tab-json").click()
        paste(driver, "JSON.stringify([0, 1, 2].map(() => JSON.parse(document.getElementById('json').value).rows[0]))")
        send(driver)
        assert len(driver.find_elements("css selector", "#answer .rows button")) == 3
        paste(driver, "'{\"rows\": ['")
        send(driver)
        assert "not JSON" in text_of(driver, "#form-error")
        paste(driver, "'[{\"magic\": 1}]'")
        send(driver)
        assert "magic" in text_of(driver, "#form-error")

    def test_the_card_is_rendered_and_nothing_in_it_runs(self, driver: Any, served: Running) -> None:
        open_product(driver, served, "breast")
        one(driver, "#card-details summary").click()
        until(lambda: driver.find_elements("css selector", "#card table"))
        module = f"{served.url}/page/markdown.js"
        found = driver.execute_async_script(
            "const done = arguments[1]; import(arguments[0]).then(({render}) => {"
            " const box = document.createElement('div');"
            "box.append(render('# <img src=x onerror=window.ran=1>\\n\\n[a](javascript:alert(1)) [b](https://example.org/)"
            " **c** `d`\\n\\n| e | f |\\n| --- | --- |\\n| 1 | <b>2</b> |\\n')); document.body.append(box);"
            "setTimeout(() => done([box.querySelectorAll('img, b, script').length, [...box.querySelectorAll('a')]"
            ".map((a) => a.href), box.querySelectorAll('td').length, Boolean(window.ran)]), 100); });",
            module,
        )
        assert found == [0, ["https://example.org/"], 2, False]

    @pytest.mark.parametrize(
        ("answer", "row", "shown"),
        [
            (
                {"score": {"none": 0.0, "mail": 0.02}, "decision": "mail", "gain": 1.2,
                 "interval": {"mail": [0.01, 0.04]}, "rank": {"mail": 0.9}}, {},
                ["mail", "expected gain 1.2", "+2.0%", "above 90% of customers"],
            ),
            (
                {"score": 12.5, "quantiles": {"0.1": 8.0, "0.9": 19.0}, "ahead": 7, "usual": None}, {},
                ["12.5", "7 steps ahead", "10%", "90%", "19"],
            ),
            (
                {"score": {"fees": 0.4, "card": 0.6}, "decision": "card", "sure": False, "threshold": 0.7,
                 "reasons": [{"word": "card", "effect": 1.5, "method": "exact"}]}, {"text": "My Card <b>is</b> lost"},
                ["60.0%", "Below 70.0%", "My Card <b>is</b> lost"],
            ),
            (
                {"reply": "Hello <b>you</b>", "action": "say_hello", "confidence": 0.41, "hand_over": True,
                 "why": "not sure enough", "evidence": [{"turn": "7-2", "cosine": 0.93}]}, {},
                ["Hello <b>you</b>", "For a person: not sure enough", "41.0%", "say hello", "7-2, 93% alike"],
            ),
            ({"replies": ["a"]}, {}, ['"replies"']),
        ],
    )  # fmt: skip
    def test_each_kind_of_answer_has_its_own_picture(
        self, driver: Any, served: Running, answer: dict[str, Any], row: dict[str, Any], shown: list[str]
    ) -> None:
        open_product(driver, served, "breast")
        text, marks = driver.execute_async_script(
            "const done = arguments[3]; import(arguments[0]).then(({render}) => {"
            " const box = document.createElement('div');"
            " box.append(...render({classes: []}, arguments[1], arguments[2]));"
            " document.body.append(box);"
            " done([box.innerText, [...box.querySelectorAll('mark')].map((node) => node.textContent)]); });",
            f"{served.url}/page/answers/index.js",
            answer,
            row,
        )
        for words in shown:
            assert words in text
        assert marks == (["Card"] if "reasons" in answer else [])

    def test_chinese_is_remembered_and_the_typed_values_stay(self, driver: Any, served: Running) -> None:
        open_product(driver, served, "breast")
        field = one(driver, "input[name=visits]")
        field.clear()
        field.send_keys("3")
        one(driver, "#language").click()
        assert text_of(driver, "#send") == "预测"
        assert one(driver, "input[name=visits]").get_attribute("value") == "3"
        open_product(driver, served, "breast")
        assert text_of(driver, "#send") == "预测"
        assert one(driver, "html").get_attribute("lang") == "zh-Hans"
        one(driver, "#language").click()
        assert text_of(driver, "#send") == "Predict"

    def test_a_keyboard_is_enough(self, driver: Any, served: Running) -> None:
        from selenium.webdriver.common.keys import Keys

        open_product(driver, served, "breast")
        body = driver.find_element("css selector", "body")
        body.send_keys(Keys.TAB)
        assert driver.switch_to.active_element.get_attribute("class") == "skip"
        field = one(driver, "input[name=visits]")
        field.send_keys(Keys.ENTER)
        assert one(driver, "#answer .big")
        one(driver, "#tab-form").send_keys(Keys.ARROW_RIGHT)
        assert driver.switch_to.active_element.get_attribute("id") == "tab-json"
        assert one(driver, "#panel-json").is_displayed()

    def test_it_fits_390_pixels_and_every_field_has_a_label(self, driver: Any, served: Running) -> None:
        with on_a_phone(driver):
            open_product(driver, served, "breast")
            send(driver)
            assert too_wide(driver) == []
            assert unlabelled(driver) == 0

    def test_the_browser_has_nothing_to_complain_about(self, driver: Any, served: Running) -> None:
        driver.get_log("browser")
        open_product(driver, served, "diabetes")
        send(driver)
        complaints = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert complaints == []


@pytest.mark.service
@pytest.mark.slow
def test_a_key_is_asked_for_and_the_true_outcome_reaches_the_log(driver: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    layout = Layout(tmp_path)
    params = write_params(layout)
    assert pack_lane(layout, params, "breast").passed
    records = open_records(layout.records_url)
    version = register(layout, records, params, "breast", "n1").version
    registry.move_champion(records, "breast", version, kind="promote", who="t", why="t", expected=None)
    secret = keys.add(records, "page", ["predict", "feedback"])
    with running(layout, None, BlockOfService(keys="always"), log=True) as service:
        driver.get("about:blank")
        driver.get(service.url)
        until(lambda: one(driver, "#key-panel").is_displayed())
        field = one(driver, "#key")
        field.send_keys("wrong", Keys.ENTER)
        until(lambda: "not known here" in text_of(driver, "#notice"))
        field.clear()
        field.send_keys(secret, Keys.ENTER)
        until(lambda: one(driver, "#columns").is_displayed())
        assert not one(driver, "#notice").is_displayed()
        send(driver)
        assert "probability of outcome = 1" in text_of(driver, "#answer .big .what")
        driver.find_elements("css selector", ".truth button")[1].click()
        until(lambda: "joined" in text_of(driver, ".truth [role=status]"))
        assert secret not in driver.page_source
    log = open_records(layout.log_url)
    with log.reading() as connection:
        assert connection.exec_driver_sql("select count(*) from feedback").scalar() == 1
    log.close()
    records.close()


def paste(driver: Any, expression: str) -> None:
    driver.execute_script(f"document.getElementById('json').value = {expression}")
