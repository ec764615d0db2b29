from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from bundles import TASKS, bundle_of

from pipelines.bundle import read_manifest, write_manifest
from pipelines.errors import BundleError
from pipelines.files import read_json, write_json
from pipelines.layout import Layout
from pipelines.serving.loaded import load


@pytest.fixture
def copy(small: Layout, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_of(small, "breast"), tmp_path / "bundle"))


def seal(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    write_manifest(folder, "breast", "tabular")


@pytest.mark.parametrize("product", TASKS)
def test_a_packed_bundle_loads_and_answers_its_golden_rows(small: Layout, product: str) -> None:
    loaded = load(product, None, bundle_of(small, product))
    golden = read_json(bundle_of(small, product) / "golden.json")
    assert len(golden["rows"]) >= 40
    assert len(loaded.answer(golden["rows"])) == len(golden["answers"])


def test_a_changed_model_file_is_found_before_it_is_loaded(copy: Path) -> None:
    path = copy / "trees_0.txt"
    path.write_text(path.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(BundleError, match=r"was changed: trees_0\.txt"):
        load("breast", None, copy)


def test_one_flipped_bit_in_any_file_is_found_before_anything_is_loaded(
    small: Layout, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = read_manifest(copy).version
    names = sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file())
    assert {"manifest.json", "schema.json", "golden.json", "reference.parquet", "trees_0.txt"} <= set(names)
    for name in names:
        path, whole = copy / name, (copy / name).read_bytes()
        for place in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            with monkeypatch.context() as patched, pytest.raises(BundleError):
                patched.setattr("pipelines.serving.loaded.load_answering", lambda *_: pytest.fail("loaded"))
                load("breast", version, copy)
        path.write_bytes(whole)
    assert load("breast", version, copy).version == version


def test_another_version_or_product_than_asked_for_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match="not 0000000000000000"):
        load("breast", "0" * 16, copy)
    with pytest.raises(BundleError, match="the bundle is of breast"):
        load("wine", None, copy)


def test_a_model_that_answers_otherwise_than_when_it_was_packed_is_refused(copy: Path) -> None:
    golden = read_json(copy / "golden.json")
    golden["answers"][3]["score"] += 2e-6
    write_json(copy / "golden.json", golden)
    seal(copy)
    with pytest.raises(BundleError, match="scores differ by 2e-06") as caught:
        load("breast", None, copy)
    assert caught.value.where["product"] == "breast"


def test_a_decision_that_differs_is_refused(copy: Path) -> None:
    golden = read_json(copy / "golden.json")
    golden["answers"][0]["decision"] = 1 - golden["answers"][0]["decision"]
    write_json(copy / "golden.json", golden)
    seal(copy)
    with pytest.raises(BundleError, match="differ by inf"):
        load("breast", None, copy)


def test_golden_rows_that_the_schema_refuses_are_named(copy: Path) -> None:
    golden = read_json(copy / "golden.json")
    golden["rows"][0]["visits"] = "many"
    write_json(copy / "golden.json", golden)
    seal(copy)
    with pytest.raises(BundleError, match="golden row 0 is refused: visits must be a number"):
        load("breast", None, copy)


@pytest.mark.parametrize("name", ["schema.json", "choice.json", "export.json", "features.json", "golden.json"])
@pytest.mark.parametrize("content", ["{}", "[]", '"text"'])
def test_a_sealed_file_of_another_form_is_a_bundle_error(copy: Path, name: str, content: str) -> None:
    json.loads(content)
    (copy / name).write_text(content)
    seal(copy)
    with pytest.raises(Exception, match="breast") as caught:
        load("breast", None, copy)
    assert type(caught.value).__name__ in {"BundleError", "DataError"}
