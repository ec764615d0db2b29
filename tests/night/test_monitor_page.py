"""The page inside Airflow's UI: what it says of each product, and what it serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.files import write_json
from pipelines.layout import Layout
from pipelines.night.monitor.app import report_file
from pipelines.night.monitor.page import render
from pipelines.night.monitor.state import gather, mails_by_product
from pipelines.records import registry, scoreboard
from pipelines.records.registry import Version
from pipelines.records.scoreboard import Lane
from pipelines.records.store import open_records

PRODUCT = "credit_risk_demo"


@pytest.fixture
def worked(project: Layout) -> Layout:
    """Two nights of one product, the second failed; a champion, a drift window, mails."""
    records = open_records(project.records_url)
    for night, status, value in (("n1", "passed", 0.71), ("n2", "failed", 0.72)):
        scoreboard.start_night(records, night)
        page = project.night(night, PRODUCT) / "data-contract.html"
        page.parent.mkdir(parents=True)
        page.write_text("<p>contract</p>")
        metric = {"name": "roc_auc", "value": value, "low": value - 0.01, "high": value + 0.01}
        numbers = {"reports": [page.relative_to(project.root).as_posix()]}
        message = "train: <b>NaN</b> loss -> lower it" if status == "failed" else ""
        scoreboard.put_lane(records, Lane(night, PRODUCT, status, message, metric, numbers, {}))
    registry.add_version(records, Version(PRODUCT, "abc123", "n1", {}, {}))
    registry.move_champion(records, PRODUCT, "abc123", kind="promote", who="the night", why="y", expected=None)
    records.close()
    write_json(project.state / "watch" / PRODUCT / "windows.json", {"windows": {"2026-11-01": {"status": "moved"}}})
    project.outbox.mkdir(parents=True, exist_ok=True)
    (project.outbox / f"n2_{PRODUCT}_failure.eml").write_text("mail")
    return project


def test_the_state_of_a_product(worked: Layout) -> None:
    state = next(one for one in gather(worked) if one.name == PRODUCT)
    assert (state.champion, state.drift, state.waiting) == ("abc123", ("2026-11-01", "moved"), 1)
    assert state.curve == (("n1", 0.71), ("n2", 0.72))
    assert state.lane is not None
    assert state.lane.status == "failed"
    assert state.reports == (("data contract", f"n2/{PRODUCT}/data-contract.html"),)
    assert state.mail is not None
    assert state.mail.startswith("failure")


def test_the_page_shows_it_and_lets_no_markup_through(worked: Layout) -> None:
    page = render(gather(worked), "/nightshift")
    assert "1 did not pass last night" in page
    assert "&lt;b&gt;NaN&lt;/b&gt; loss" in page
    assert "<b>NaN" not in page
    assert f'href="/nightshift/reports/n2/{PRODUCT}/data-contract.html"' in page
    assert "<script" not in page


def test_a_checkout_without_a_night_has_a_page_too(project: Layout) -> None:
    page = render(gather(project), "/nightshift")
    assert "never run" in page
    assert "none yet" in page


def test_only_reports_below_the_nights_are_served(worked: Layout) -> None:
    assert report_file(worked, f"n1/{PRODUCT}/data-contract.html") is not None
    assert report_file(worked, "../records.db") is None
    assert report_file(worked, "../../params.yaml") is None
    assert report_file(worked, f"n1/{PRODUCT}/nothing.html") is None


def test_a_mail_belongs_to_the_product_of_the_longer_name(tmp_path: Path) -> None:
    for name in ("n_credit_drift.eml", "n_credit_demo_drift.eml"):
        (tmp_path / name).write_text("mail")
    found = mails_by_product(tmp_path, ["credit", "credit_demo", "demo"])
    assert {name: len(paths) for name, paths in found.items()} == {"credit": 1, "credit_demo": 1, "demo": 0}
