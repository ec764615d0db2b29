from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bundles import write_params

from pipelines.blocks.operations import Service
from pipelines.layout import Layout
from pipelines.records.predictions import Logged, append, window
from pipelines.records.store import Records, open_records
from pipelines.serving import upkeep
from pipelines.serving.upkeep import Upkeep, retain

TODAY = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    write_params(made)  # three products with retention_days: 30
    return made


@pytest.fixture
def log(layout: Layout) -> Records:
    opened = open_records(layout.log_url)
    days = ("2026-05-30T00:00:00.000Z", "2026-06-01T00:00:00.000Z", "2026-06-29T00:00:00.000Z")
    for product in ("wine", "unlisted"):
        for day in days:
            append(opened, [Logged(f"{product}{day[:10]}{place}", 0, product, "v", day, {}, {}) for place in range(50)])
    return opened


def kept(log: Records, product: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in window(log, product, "", "9999"):
        found[one.at[:10]] = found.get(one.at[:10], 0) + 1
    return found


def test_a_product_forgets_after_its_days_and_what_is_not_configured_stays(layout: Layout, log: Records) -> None:
    assert retain(layout, log, Service(), TODAY)["wine"] == 50
    assert kept(log, "wine") == {"2026-06-01": 50, "2026-06-29": 50}
    assert len(kept(log, "unlisted")) == 3


def test_old_rows_are_thinned_where_a_sample_is_asked_for(layout: Layout, log: Records) -> None:
    retain(layout, log, Service(log_sample_after_days=7, log_sample_share=0.3), TODAY)
    found = kept(log, "wine")
    assert 3 < found["2026-06-01"] < 30
    assert found["2026-06-29"] == 50


def test_parameters_that_cannot_be_read_forget_nothing(layout: Layout, log: Records) -> None:
    layout.params.write_text("products: [", encoding="utf-8")
    assert retain(layout, log, Service(), TODAY) == {}
    assert len(kept(log, "wine")) == 3


def test_work_goes_on_after_a_failure_and_the_hourly_work_is_not_done_each_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(upkeep, "FIRST_SECONDS", 0.02)
    done: list[str] = []
    enough = threading.Event()

    def often() -> None:
        done.append("often")
        if len(done) == 3:
            raise ZeroDivisionError
        if len(done) > 12:
            enough.set()

    kept_up = Upkeep([often], lambda: done.append("seldom"))
    kept_up.start()
    assert done[0] == "often", "once before the first request"
    assert enough.wait(5)
    kept_up.stop()
    assert done.count("seldom") == 1
    still = len(done)
    time.sleep(0.05)
    assert len(done) == still
