"""A query as a source: pinned, ordered, typed, and one clear line for what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.blocks.sources import SqlSource
from pipelines.config import parse_params
from pipelines.errors import ConfigError, SourceError, StageError
from pipelines.sources import Place, pin, read

DAY = date(2026, 6, 30)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE clients (id INTEGER, age REAL, town TEXT, since DATE)")
        rows = [(3, 41.5, "Köln", "2026-01-02"), (1, None, "Bonn", "2026-06-30"), (2, 20.0, None, "2026-07-01")]
        database.executemany("INSERT INTO clients VALUES (?, ?, ?, ?)", rows)
    return tmp_path


def place(folder: Path) -> Place:
    return Place(product="own", root=folder, downloads=folder / "downloads", id="id")


def pinned(folder: Path, query: str, out: str = "out", **address: str) -> Mapping[str, Any]:
    (folder / out).mkdir(exist_ok=True)
    source = SqlSource(kind="sql", query=query, **(address or {"url": "sqlite:///shop.db"}))
    return pin(source, place(folder), DAY, folder / out)


def test_rows_come_sorted_and_typed_up_to_the_day(shop: Path) -> None:
    query = "SELECT * FROM clients WHERE since <= :as_of ORDER BY town DESC"
    content = pinned(shop, query)
    source = SqlSource(kind="sql", url="sqlite:///shop.db", query=query)
    frame = read(source, place(shop), dict(content), shop / "out").frame
    assert frame["id"].tolist() == [1, 3]
    assert frame["town"].tolist() == ["Bonn", "Köln"]
    assert frame["age"].isna().tolist() == [True, False]
    assert content["rows"] == 2


def test_the_same_rows_in_another_order_give_the_same_bytes(shop: Path) -> None:
    assert pinned(shop, "SELECT * FROM clients") == pinned(shop, "SELECT * FROM clients ORDER BY age", "other")


def test_the_url_may_come_from_the_environment(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="SHOP_URL is not set"):
        pinned(shop, "SELECT * FROM clients", url_from="SHOP_URL")
    monkeypatch.setenv("SHOP_URL", "sqlite:///shop.db")
    assert pinned(shop, "SELECT * FROM clients", url_from="SHOP_URL")["rows"] == 3


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nothing FROM clients", "the database cannot be asked|the query is refused"),
        ("SELECT * FROM clients WHERE id > 99", "gives no rows"),
        ("DELETE FROM clients", "is not a SELECT"),
        ("SELECT id, age AS id FROM clients", "two columns named 'id'"),
    ],
)
def test_what_is_wrong_is_one_line(shop: Path, query: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        pinned(shop, query)
    assert "product=own" in caught.value.line()


def test_a_missing_database_and_driver_are_named(shop: Path) -> None:
    with pytest.raises(SourceError, match="no such SQLite file"):
        pinned(shop, "SELECT 1", url="sqlite:///gone.db")
    with pytest.raises(SourceError, match="no driver"):
        pinned(shop, "SELECT 1", url="nosuch://host/name")
    assert not (shop / "gone.db").exists()


def test_a_changed_copy_is_refused(shop: Path) -> None:
    content = dict(pinned(shop, "SELECT * FROM clients"))
    (shop / "out" / "rows.parquet").write_bytes(b"other")
    source = SqlSource(kind="sql", url="sqlite:///shop.db", query="SELECT * FROM clients")
    with pytest.raises(StageError, match="missing or was changed"):
        read(source, place(shop), content, shop / "out")


def test_a_password_does_not_belong_into_params(shop: Path) -> None:
    with pytest.raises(ValueError, match="holds a password"):
        SqlSource(kind="sql", url="postgresql://me:secret@host/db", query="SELECT 1")
    with pytest.raises(ConfigError):
        parse_params({"products": {"p": {"source": {"kind": "sql", "query": "SELECT 1"}}}, "candidates": {}})
