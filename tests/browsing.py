"""A real Chromium for tests of the pages, and how they look around in it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}


@contextlib.contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """An opened browser with a profile of its own and ``more`` arguments; the test is skipped where there is none."""
    if not (CHROMIUM.is_file() and DRIVER.is_file() and shutil.which("chromium")):
        pytest.skip("no chromium and chromedriver on this machine")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server", "--lang=en-US",
            f"--user-data-dir={profile}", "--window-size=1280,900", *more,
        ):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        opened = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
        try:
            opened.set_page_load_timeout(60)
            yield opened
        finally:
            opened.quit()


@contextlib.contextmanager
def on_a_phone(driver: Any) -> Iterator[None]:
    """390 pixels wide."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def one(driver: Any, selector: str) -> Any:
    """The first element, as soon as there is one."""
    return until(lambda: driver.find_elements("css selector", selector))[0]


def text_of(driver: Any, selector: str) -> str:
    return str(one(driver, selector).text)


def until(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first value that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise TimeoutError


def too_wide(driver: Any) -> list[str]:
    """Elements that stick out of 390 pixels, tables aside."""
    found = driver.execute_script(
        "return [...document.querySelectorAll('body *')].filter((node) => !node.closest('.skip') &&"
        " node.getBoundingClientRect().right > 391 && !node.closest('.table')).map((node) => node.className || node.id)"
    )
    return list(found)


def unlabelled(driver: Any) -> int:
    """Inputs without a label."""
    found = driver.execute_script(
        "return [...document.querySelectorAll('input, select, textarea')].filter((node) =>"
        " !node.labels.length && !node.ariaLabel).length"
    )
    return int(found)
