"""A whole watch: a packed and promoted model, its real service, the verdict, the reports and the mail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import bundles
import psutil
import pytest

from pipelines.bundle import verify_bundle
from pipelines.config import Params
from pipelines.errors import NightshiftError
from pipelines.files import read_json, replaced_folder
from pipelines.layout import Layout
from pipelines.monitoring import watch_day
from pipelines.monitoring.door import watch_by_hand
from pipelines.monitoring.smtp import VARIABLE
from pipelines.records.registry import Version, add_version, move_champion
from pipelines.records.store import open_records

PRODUCT = "breast"
DAY = date(2026, 6, 2)

pytestmark = [pytest.mark.service, pytest.mark.slow]


@dataclass(frozen=True)
class House:
    """A checkout in which one product has a champion."""

    layout: Layout
    params: Params
    version: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Packed by the real package stage, promoted in real records."""
    layout = Layout(tmp_path_factory.mktemp("house"))
    before = {name: os.environ.pop(name, None) for name in (VARIABLE, "NIGHTSHIFT_RECORDS_URL")}
    params = bundles.params_of()
    assert bundles.pack_lane(layout, params, PRODUCT).passed
    source = bundles.bundle_of(layout, PRODUCT)
    version = verify_bundle(source).version
    with replaced_folder(layout.bundle(PRODUCT, version)) as folder:
        for path in source.rglob("*"):
            if path.is_file():
                target = folder / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    records = open_records(layout.records_url)
    add_version(records, Version(PRODUCT, version, "night"))
    move_champion(records, PRODUCT, version, kind="promote", who="test", why="first", expected=None)
    records.close()
    yield House(layout, params, version)
    os.environ.update({name: value for name, value in before.items() if value is not None})


def test_a_day_without_change_is_answered_reported_and_mailed(
    house: House, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, mailbox.connection)
    result = watch_day(house.layout, house.params, PRODUCT, "night-1", DAY)
    folder = house.layout.night("night-1", PRODUCT) / "drift"
    names = ["distributions.png", "drift.json", "effects.png", "report.html"]
    assert [path.name for path in result.reports] == names
    assert all(path.parent == folder and path.stat().st_size > 500 for path in result.reports)
    assert result.verdict.status == "steady"
    written = read_json(folder / "drift.json")
    assert written["answered_by"] == house.version
    assert written["refused"]["rows"] == 0
    assert {column["name"] for column in written["verdict"]["columns"]} >= {"score", "size"}
    (envelope,) = mailbox.received
    message = BytesParser(policy=policy.default).parsebytes(envelope.content)
    assert isinstance(message, EmailMessage)
    assert message["Message-ID"] == result.mailed.message_id
    assert [part.get_filename() for part in message.iter_attachments()] == ["report.html"]
    assert result.line == f"{result.verdict.line()}; mailed"
    assert _services() == []


def test_a_shifted_day_alarms_and_the_same_night_again_mails_once(house: House) -> None:
    first = watch_by_hand(house.layout, house.params, PRODUCT, "2026-06-03", "numbers_rise", None)
    again = watch_by_hand(house.layout, house.params, PRODUCT, "2026-06-03", "numbers_rise", None)
    assert first.verdict.status == "alarm"
    assert first.verdict == again.verdict
    assert first.mailed.message_id == again.mailed.message_id
    assert "mail waits in outbox" in first.line
    named = [path for path in house.layout.outbox.glob("*.eml") if "numbers_rise" in path.name]
    assert len(named) == 1


def test_a_running_service_of_the_champion_is_used(house: House) -> None:
    from pipelines.serving.launch import running

    bundle = house.layout.bundle(PRODUCT, house.version)
    with running(house.layout, {PRODUCT: bundle}) as service:
        place = {"host": service.host, "port": service.port}
        params = house.params.model_copy(update={"service": house.params.service.model_copy(update=place)})
        workers = len(_services())
        result = watch_day(house.layout, params, PRODUCT, "night-2", DAY)
        assert result.verdict.status == "steady"
        assert len(_services()) == workers


def test_a_product_without_a_champion_says_what_to_do(house: House) -> None:
    with pytest.raises(NightshiftError, match="no model has been promoted") as raised:
        watch_day(house.layout, house.params, "wine", "night-1", DAY)
    assert "make nightly" in raised.value.next_step


def _services() -> list[int]:
    """Processes below this one that serve."""
    below = psutil.Process(os.getpid()).children(recursive=True)
    return [process.pid for process in below if "bentoml" in " ".join(_command(process))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return [Path(part).name for part in process.cmdline()]
    except psutil.Error:
        return []
