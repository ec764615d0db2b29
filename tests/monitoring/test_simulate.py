"""A simulated day through the real service: answers in the prediction log, outcomes joined to them, and a round."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import bundles
import pytest
import yaml

from pipelines.bundle import verify_bundle
from pipelines.errors import ConfigError, ServiceError, StageError
from pipelines.files import replaced_folder
from pipelines.layout import Layout
from pipelines.monitoring.hourly import watch_log
from pipelines.monitoring.simulate import simulate_by_hand, simulate_day
from pipelines.monitoring.smtp import VARIABLE
from pipelines.records.registry import Version, add_version, move_champion
from pipelines.records.store import open_records

PRODUCT = "breast"
DAY = date(2026, 6, 2)


@pytest.fixture
def house(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A packed model, promoted in real records."""
    for name in (VARIABLE, "NIGHTSHIFT_RECORDS_URL", "NIGHTSHIFT_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    assert bundles.pack_lane(layout, bundles.params_of(), PRODUCT).passed
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
    return layout


@pytest.mark.slow
@pytest.mark.service
def test_a_simulated_day_is_answered_logged_told_and_judged(house: Layout) -> None:
    from pipelines.serving.launch import running

    params = bundles.params_of()
    house.params.write_text(yaml.safe_dump(params.model_dump(mode="json", by_alias=True), sort_keys=False))
    with running(house, None, params.service, log=True) as service:
        sent = simulate_day(house, params, PRODUCT, DAY, rows=300, share=0.5, address=service.url)
        again = simulate_day(house, params, PRODUCT, DAY, "numbers_rise", 300, 0.0, service.url)
        with pytest.raises(ConfigError, match="numbers_rise"):
            simulate_day(house, params, PRODUCT, DAY, "meteor", 10, 0.0, service.url)
    assert sent.rows - sent.refused == 300
    assert 120 <= sent.told <= 180
    assert "outcomes told" in sent.line
    assert again.told == 0
    found = watch_log(house, params, PRODUCT, datetime.now(UTC) + timedelta(seconds=1))
    assert found.judged is not None
    assert found.judged.window.rows == 600 - again.refused
    assert found.judged.measured is not None
    assert found.judged.measured.outcomes == sent.told


def test_without_a_champion_or_a_service_it_says_so(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NIGHTSHIFT_RECORDS_URL", "NIGHTSHIFT_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    params = bundles.params_of()
    with pytest.raises(StageError, match="no model has been promoted"):
        simulate_by_hand(layout, params, PRODUCT, None, "none", None, 0.0, None)
    with pytest.raises(ConfigError, match="not a date"):
        simulate_by_hand(layout, params, PRODUCT, "yesterday", "none", None, 0.0, None)


def test_a_service_that_is_not_there_is_named(house: Layout, closed_port: int) -> None:
    address = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(ServiceError, match="no answer from the service"):
        simulate_day(house, bundles.params_of(), PRODUCT, DAY, rows=10, address=address)
