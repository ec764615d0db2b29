"""The review page as a process of its own, and a Chromium to look at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.layout import Layout

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")


class Page:
    """A running ``nightshift review``; ``port`` stays the same when it is started again."""

    def __init__(self, layout: Layout, product: str, annotator: str = "ann") -> None:
        self.layout, self.product, self.annotator = layout, product, annotator
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "pipelines.cli", "review", self.product]
        environment = {**os.environ, "NIGHTSHIFT_ROOT": str(self.layout.root), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [*command, "--annotator", self.annotator, "--port", str(self.port)],
            cwd=self.layout.root, env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://127.0.0.1:" in line, line
        self.port = int(line.split("http://127.0.0.1:")[1].split("/")[0])

    def kill(self) -> None:
        """SIGKILL: nothing is said good-bye to."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)


@contextlib.contextmanager
def page_of(layout: Layout, product: str) -> Iterator[Page]:
    page = Page(layout, product)
    page.start()
    try:
        yield page
    finally:
        page.stop()


@contextlib.contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """A headless browser with a profile of its own."""
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


def until(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.03)
    raise TimeoutError


def text_of(driver: Any, selector: str) -> str:
    return str(driver.find_element("css selector", selector).text)


def open_page(driver: Any, page: Page) -> None:
    driver.get("about:blank")
    driver.get(f"{page.url}/")
    until(lambda: ready(driver) and text_of(driver, "#counts"))


def ready(driver: Any) -> bool:
    return bool(driver.execute_script("return document.body.getAttribute('aria-busy') === 'false'"))


def press(driver: Any, *keys: str) -> None:
    """Keys to the page itself, one after the other; each is waited for."""
    for key in keys:
        driver.find_element("css selector", "body").send_keys(key)
        until(lambda: ready(driver))
