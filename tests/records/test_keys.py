from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.records import keys
from pipelines.records.store import Records, open_records
from pipelines.serving.key_commands import add_lines, list_lines, revoke_line


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return open_records(f"sqlite:///{tmp_path / 'records.db'}")


def test_a_key_has_256_random_bits_and_only_its_hash_lies_on_disk(records: Records, tmp_path: Path) -> None:
    key = keys.add(records, "till", ["predict"])
    other = keys.add(records, "office", ["feedback", "predict"])
    assert len(key) >= len(keys.PREFIX) + 43
    assert key != other
    found = {one.name: one for one in keys.all_keys(records)}
    assert found["till"].digest == keys.digest_of(key)
    assert found["office"].scopes == ("predict", "feedback")
    records.close()
    for path in tmp_path.iterdir():
        assert key.encode() not in path.read_bytes()


def test_a_revoked_key_stays_in_the_list_and_its_name_is_never_used_again(records: Records) -> None:
    keys.add(records, "till", ["predict"])
    assert keys.revoke(records, "till").revoked_at is not None
    with pytest.raises(ConfigError, match="no living key"):
        keys.revoke(records, "till")
    with pytest.raises(ConfigError, match="or there was one"):
        keys.add(records, "till", ["predict"])
    assert [(key.name, key.revoked_at is not None) for key in keys.all_keys(records)] == [("till", True)]


@pytest.mark.parametrize(
    ("name", "scopes", "words"),
    [
        ("Till", ["predict"], "not a name"),
        ("", ["predict"], "not a name"),
        ("a" * 65, ["predict"], "not a name"),
        ("till", [], "without a scope"),
        ("till", ["predict", "admin"], "no such scope: 'admin'"),
    ],
)
def test_a_wrong_name_or_scope_is_refused_in_words(records: Records, name: str, scopes: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        keys.add(records, name, scopes)
    assert keys.all_keys(records) == []


def test_the_command_prints_a_key_once_and_never_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert "no key yet" in list_lines(layout)[0]
    key, how = add_lines(layout, "till", ["predict"])
    assert key.startswith("ns_")
    assert "Authorization: Bearer" in how
    assert key not in how
    revoke_line(layout, "till")
    (line,) = list_lines(layout)
    assert "till" in line
    assert "revoked" in line
    assert key not in line
