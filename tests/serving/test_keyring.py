from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.blocks.operations import Service
from pipelines.records import keys
from pipelines.records.store import Records, open_records
from pipelines.serving.answers import Reply
from pipelines.serving.keyring import Keyring
from pipelines.serving.settings import Settings

HERE = {"server": ("127.0.0.1", 3000), "client": ("127.0.0.1", 50000)}
HERE_6 = {"server": ("::1", 3000), "client": ("::1", 50000)}
ABROAD = {"server": ("192.0.2.1", 3000), "client": ("203.0.113.9", 50000)}


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(f"sqlite:///{tmp_path / 'records.db'}")
    yield opened
    opened.close()


def ring(records: Records | None = None, always: bool = False) -> Keyring:
    made = Keyring(always)
    if records is not None:
        made.open(records)
        made.refresh()
    return made


def bearer(key: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {key}".encode()}


def status(admitted: str | Reply) -> int:
    return admitted.status if isinstance(admitted, Reply) else 200


@pytest.mark.parametrize(
    ("where", "headers", "always", "wanted"),
    [
        (HERE, {}, False, 200),
        (HERE_6, {}, False, 200),
        (HERE, {}, True, 401),
        (ABROAD, {}, False, 401),
        ({**HERE, "client": ("203.0.113.9", 1)}, {}, False, 401),
        ({**HERE, "server": ("0.0.0.0", 1)}, {}, False, 401),
        (HERE, {b"x-forwarded-for": b"203.0.113.9"}, False, 401),
        (HERE, {b"forwarded": b"for=203.0.113.9"}, False, 401),
        ({}, {}, False, 401),
        ({"server": None, "client": None}, {}, False, 401),
        ({**HERE, "client": ("unix", 0)}, {}, False, 401),
    ],
)
def test_without_a_key_only_this_machine_itself_comes_in(where: Any, headers: Any, always: bool, wanted: int) -> None:
    assert status(ring(always=always).admit(dict(where), headers, "predict")) == wanted


def test_a_key_does_what_its_scopes_say_and_names_its_client(records: Records) -> None:
    till = keys.add(records, "till", ["predict"])
    office = keys.add(records, "office", ["predict", "feedback"])
    made = ring(records)
    assert made.admit(dict(ABROAD), bearer(till), "predict") == "till"
    assert made.admit(dict(ABROAD), bearer(till), None) == "till"
    assert made.admit(dict(ABROAD), bearer(office), "feedback") == "office"
    refused = made.admit(dict(ABROAD), bearer(till), "feedback")
    assert isinstance(refused, Reply)
    assert (refused.status, refused.body["error"]) == (403, "the key 'till' may predict, not feedback")


@pytest.mark.parametrize(
    "sent", [b"Bearer wrong", b"Bearer ", b"Basic dXNlcjpwYXNz", b"", b"\xff\xfe", b"Bearer \xff\xfe"]
)
@pytest.mark.parametrize("where", [HERE, ABROAD])
def test_a_wrong_key_is_refused_even_on_this_machine(records: Records, sent: bytes, where: Any) -> None:
    keys.add(records, "till", ["predict"])
    refused = ring(records).admit(dict(where), {b"authorization": sent}, "predict")
    assert isinstance(refused, Reply)
    assert refused.status == 401
    assert (b"www-authenticate", b"Bearer") in refused.headers


def test_new_and_revoked_keys_are_followed(records: Records) -> None:
    made = ring(records)
    key = keys.add(records, "till", ["predict"])
    assert status(made.admit(dict(ABROAD), bearer(key), "predict")) == 401
    made.refresh()
    assert status(made.admit(dict(ABROAD), bearer(key), "predict")) == 200
    keys.revoke(records, "till")
    made.refresh()
    assert status(made.admit(dict(ABROAD), bearer(key), "predict")) == 401


def test_records_that_cannot_be_read_leave_the_keys_known_last_and_are_told_once(
    records: Records, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = keys.add(records, "till", ["predict"])
    made = ring(records)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 100)
    made.open(open_records(f"sqlite:///{broken}"))
    with caplog.at_level(logging.ERROR, logger="nightshift.serving"):
        made.refresh()
        made.refresh()
    assert status(made.admit(dict(ABROAD), bearer(key), "predict")) == 200
    assert len(caplog.records) == 1
    assert key not in caplog.text


def test_every_key_is_compared_in_constant_time(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    made_keys = [keys.add(records, f"k{number}", ["predict"]) for number in range(5)]
    made = ring(records)
    compared: list[str] = []

    def compare(one: str, other: str) -> bool:
        compared.append(other)
        return hmac_compare(one, other)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr("pipelines.serving.keyring.hmac.compare_digest", compare)
    for key in (made_keys[0], made_keys[4], "wrong"):
        compared.clear()
        made.admit(dict(ABROAD), bearer(key), "predict")
        assert len(compared) == 5


@pytest.mark.parametrize(
    ("service", "asks"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "192.0.2.1"}, True),
        ({"keys": "always"}, True),
    ],
)
def test_keys_are_off_only_where_the_service_listens_on_loopback(service: Any, asks: bool) -> None:
    assert Settings(Service(**service), None, lean=False).asks_for_keys is asks
