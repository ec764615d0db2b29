"""A query on a real PostgreSQL: its types come through, a server that is gone is worth a retry."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from postgres import postgres
from sqlalchemy import create_engine, text

from pipelines.blocks.sources import SqlSource
from pipelines.errors import SourceError
from pipelines.sources import Place, pin, read

pytestmark = [pytest.mark.slow, pytest.mark.service]


def test_types_and_days_come_through_and_a_gone_server_is_transient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(product="own", root=tmp_path, downloads=tmp_path / "downloads", id="id")
    source = SqlSource(kind="sql", url_from="SHOP_URL", query="SELECT * FROM orders WHERE day <= :as_of")
    with postgres() as url:
        monkeypatch.setenv("SHOP_URL", url)
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE orders (id bigint, sum numeric(9,2), day date, paid boolean)"))
            rows = "SELECT n, n / 4.0, date '2026-06-01' + n, n % 2 = 0 FROM generate_series(1, 60) n"
            connection.execute(text(f"INSERT INTO orders {rows}"))
        engine.dispose()
        pinned = pin(source, place, date(2026, 6, 30), tmp_path)
        frame = read(source, place, pinned, tmp_path).frame
        assert frame["id"].tolist() == list(range(1, 30))
        assert frame["sum"].tolist()[:4] == [0.25, 0.5, 0.75, 1.0]
        assert frame["day"].iloc[-1] == "2026-06-30"
        assert frame["paid"].dtype == bool
    with pytest.raises(SourceError, match="cannot be asked") as caught:
        pin(source, place, date(2026, 6, 30), tmp_path)
    assert caught.value.transient
