from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.bundle import MANIFEST, read_manifest, verify_bundle, write_manifest
from pipelines.errors import BundleError

ANY_JSON = st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))


def pack(folder: Path) -> str:
    (folder / "models").mkdir(parents=True)
    (folder / "schema.json").write_text('{"fields": []}\n')
    (folder / "models" / "trees_0.txt").write_text("tree\n" * 100)
    return write_manifest(folder, "credit", "tabular").version


def test_equal_content_has_an_equal_version_wherever_it_lies(tmp_path: Path) -> None:
    first, second = pack(tmp_path / "a"), pack(tmp_path / "b" / "c")
    assert first == second
    assert len(first) == 16
    manifest = verify_bundle(tmp_path / "a", first)
    assert (manifest.product, manifest.problem) == ("credit", "tabular")
    assert manifest.size_bytes == 15 + 500
    assert (tmp_path / "a" / MANIFEST).read_bytes() == (tmp_path / "b" / "c" / MANIFEST).read_bytes()


def flip_a_byte(folder: Path) -> None:
    path = folder / "models" / "trees_0.txt"
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(bytes(content))


def add_a_file(folder: Path) -> None:
    (folder / "models" / "other.bin").write_bytes(b"x")


def remove_a_file(folder: Path) -> None:
    (folder / "schema.json").unlink()


def link_a_file(folder: Path) -> None:
    target = folder.parent / "outside.json"
    target.write_text((folder / "schema.json").read_text())
    (folder / "schema.json").unlink()
    (folder / "schema.json").symlink_to(target)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip_a_byte, "was changed: models/trees_0.txt"),
        (add_a_file, "is extra: models/other.bin"),
        (remove_a_file, "is missing: schema.json"),
        (link_a_file, "is a link: schema.json"),
    ],
)
def test_damage_is_found_and_named(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    pack(tmp_path / "b")
    damage(tmp_path / "b")
    with pytest.raises(BundleError, match=words):
        verify_bundle(tmp_path / "b")


def test_a_bundle_that_is_whole_but_another_version_is_refused(tmp_path: Path) -> None:
    pack(tmp_path / "b")
    with pytest.raises(BundleError, match="not 0123456789abcdef"):
        verify_bundle(tmp_path / "b", "0123456789abcdef")


def test_a_manifest_rewritten_for_changed_files_has_another_version(tmp_path: Path) -> None:
    version = pack(tmp_path / "b")
    flip_a_byte(tmp_path / "b")
    write_manifest(tmp_path / "b", "credit", "tabular")
    with pytest.raises(BundleError, match="the bundle is version"):
        verify_bundle(tmp_path / "b", version)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no manifest"),
        ("{", "cannot be read"),
        ("[]", "format 'list'"),
        ('{"format": 2, "files": {}}', "format 2"),
        ('{"format": 1, "files": {}}', "lists no files"),
        ('{"format": 1, "files": {"../../etc/passwd": {"sha256": "00", "bytes": 1}}}', "lists them wrongly"),
        ('{"format": 1, "files": {"/etc/passwd": {"sha256": "00", "bytes": 1}}}', "lists them wrongly"),
        ('{"format": 1, "files": {"a": {"sha256": 3, "bytes": 1}}}', "lists them wrongly"),
        ('{"format": 1, "files": NaN}', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("\x00\xff", "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(BundleError, match=words):
        verify_bundle(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    content=st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))
)
def test_any_json_as_manifest_is_a_bundle_error_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: object
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / MANIFEST).write_text(json.dumps({"format": 1, "files": content}))
    with pytest.raises(BundleError):
        read_manifest(folder)
        verify_bundle(folder)
