"""The review page as a process of its own, and a Chromium to look at it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from browsing import text_of, until

from pipelines.layout import Layout

ROOT = Path(__file__).resolve().parents[1]


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
