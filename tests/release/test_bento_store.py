from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bundles import bundle_of, pack_lane, write_params

from pipelines.bundle import read_manifest, verify_bundle
from pipelines.errors import BundleError
from pipelines.layout import Layout
from pipelines.records.store import Records, open_records
from pipelines.release.bento_store import put, refill
from pipelines.release.registering import keep, register


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def records(layout: Layout) -> Records:
    return open_records(layout.records_url)


@pytest.fixture
def version(layout: Layout, records: Records) -> str:
    params = write_params(layout)
    pack_lane(layout, params, "wine")
    return register(layout, records, params, "wine", "n1").version


def stored(layout: Layout, version: str) -> Path:
    return layout.bentoml_home / "models" / "wine" / version / "bundle"


def test_a_registered_version_is_in_the_store_under_its_hash(layout: Layout, version: str) -> None:
    assert verify_bundle(stored(layout, version), version).product == "wine"
    assert put(layout, "wine", version) == f"wine:{version}"


def test_the_store_is_a_cache_that_can_be_refilled(layout: Layout, records: Records, version: str) -> None:
    shutil.rmtree(layout.bentoml_home)
    assert refill(layout, records).tags == (f"wine:{version}",)
    verify_bundle(stored(layout, version), version)


def test_a_damaged_entry_is_made_again(layout: Layout, records: Records, version: str) -> None:
    (stored(layout, version) / "schema.json").write_text("{}")
    refill(layout, records)
    verify_bundle(stored(layout, version), version)


def test_a_lost_bundle_is_reported_and_the_others_are_refilled(layout: Layout, records: Records, version: str) -> None:
    params = write_params(layout)
    pack_lane(layout, params, "breast")
    other = register(layout, records, params, "breast", "n1").version
    shutil.rmtree(layout.bundle("breast", other))
    shutil.rmtree(layout.bentoml_home)
    done = refill(layout, records)
    assert done.tags == (f"wine:{version}",)
    assert "no manifest" in done.lost[f"breast:{other}"]
    with pytest.raises(BundleError, match="no manifest"):
        put(layout, "breast", other)


def test_the_lasting_copy_is_whole_or_not_there(layout: Layout, small: Layout) -> None:
    source = bundle_of(small, "breast")
    version = read_manifest(source).version
    with pytest.raises(BundleError, match="is version"):
        keep(layout, "breast", "0" * 16, source)
    assert not layout.bundle("breast", "0" * 16).exists()
    first = keep(layout, "breast", version, source)
    assert keep(layout, "breast", version, source) == first
    assert verify_bundle(first, version).files == read_manifest(source).files
