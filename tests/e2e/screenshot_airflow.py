"""A picture of the last night in the graph of the running UI, taken in a real browser, with one lane opened.

python tests/e2e/screenshot_airflow.py [--out docs/images/airflow-graph.png] [--lane PRODUCT]

Needs `nightshift up`, chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pipelines.layout import Layout  # noqa: E402
from pipelines.night.airflow_env import DAG_ID  # noqa: E402
from pipelines.night.api import AirflowApi, login  # noqa: E402
from pipelines.night.up import running_address  # noqa: E402

SIZE = (2400, 570)  # pixels: a lane is long and flat
HIDDEN = ".react-flow__minimap, .react-flow__attribution { display: none !important }"  # it lies on the last task


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium with a profile of its own; always closed."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-proxy-server",
            f"--user-data-dir={profile}",
            f"--window-size={SIZE[0]},{SIZE[1]}",
        ):
            options.add_argument(argument)
        driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        try:
            driver.set_page_load_timeout(60)
            yield driver
        finally:
            driver.quit()


def found(driver: Any, selector: str, seconds: float = 60.0) -> Any:
    """The first element that fits, as soon as there is one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        elements = driver.find_elements("css selector", selector)
        if elements:
            return elements[0]
        time.sleep(0.2)
    raise TimeoutError(f"nothing fits {selector}")


def sign_in(driver: Any, address: str, user: str, password: str) -> None:
    """Through the form of the simple auth manager."""
    driver.get(f"{address}/auth/login")
    found(driver, "input[name=username]").send_keys(user)
    driver.find_element("css selector", "input[name=password]").send_keys(password)
    driver.find_element("css selector", "button[type=submit]").click()
    until = time.monotonic() + 30
    while "login" in driver.current_url and time.monotonic() < until:
        time.sleep(0.2)


def open_graph(driver: Any, address: str, run: str, lane: str) -> None:
    """The run's graph over the whole window, from left to right, with one lane opened."""
    driver.execute_script("localStorage.setItem(arguments[0], arguments[1])", f"direction-{DAG_ID}", '"RIGHT"')
    driver.get(f"{address}/dags/{DAG_ID}/runs/{run}")
    found(driver, "button[aria-label^='Show Graph']").click()
    found(driver, "button[aria-label='Collapse Details Panel']").click()
    group = found(driver, f".react-flow__node[data-id='{lane}']")
    time.sleep(2)
    next(button for button in group.find_elements("css selector", "button") if "Tasks" in button.text).click()
    found(driver, f".react-flow__node[data-id='{lane}.watch']")
    driver.execute_script(
        "const style = document.createElement('style'); style.textContent = arguments[0]; document.head.append(style)",
        HIDDEN,
    )
    time.sleep(2)  # the layout is animated
    found(driver, "button[aria-label='Fit View']").click()
    time.sleep(2)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "airflow-graph.png")
    parser.add_argument("--lane", default="credit_risk_demo", help="the lane to open")
    arguments = parser.parse_args()
    layout = Layout(ROOT)
    address, known = running_address(layout), login(layout)
    if address is None or known is None:
        sys.exit("start `nightshift up` first")
    runs = AirflowApi(layout, address).call(
        "GET", f"/api/v2/dags/{DAG_ID}/dagRuns", query={"order_by": "-run_after", "limit": 1}
    )["dag_runs"]
    if not runs:
        sys.exit("run a night first")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with browser() as driver:
        sign_in(driver, address, *known)
        open_graph(driver, address, runs[0]["dag_run_id"], arguments.lane)
        driver.save_screenshot(str(arguments.out))
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
