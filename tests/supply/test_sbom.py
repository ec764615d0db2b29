from __future__ import annotations

import shutil
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from pipelines.bundle import write_manifest
from pipelines.files import read_json, sha256_file
from pipelines.serving.pins import FILE as PINS
from pipelines.supply.licences import read_pins
from pipelines.supply.sbom import FILE, installed_digest, write_sbom


def bill(folder: Path, rows: str = "{}") -> Path:
    """A bill over the service's pins, one bundle and a little code, all under ``folder``."""
    bundle, code = folder / "bundle", folder / "code"
    bundle.mkdir(parents=True)
    code.mkdir()
    (bundle / "schema.json").write_text(rows)
    write_manifest(bundle, "credit", "tabular")
    (code / "service.py").write_text("print(1)\n")
    write_sbom(folder / FILE, "nightshift", "abc", PINS, {"credit": bundle}, code)
    return folder / FILE


def test_it_names_every_pin_model_file_and_the_code_with_licence_and_checksum(tmp_path: Path) -> None:
    content = read_json(bill(tmp_path))
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    items = {item["name"]: item for item in content["components"]}
    pins = read_pins(PINS)
    assert {name: items[name]["version"] for name in pins} == pins
    assert items["numpy"]["licenses"][0]["expression"].startswith("BSD-3-Clause")
    assert all(items[name]["properties"][0]["value"] for name in pins)
    (file,) = items["credit"]["components"]
    assert file["hashes"] == [{"alg": "SHA-256", "content": sha256_file(tmp_path / "bundle" / "schema.json")}]
    refs = [item["bom-ref"] for item in content["components"]]
    assert len(refs) == len(set(refs))
    assert content["dependencies"] == [{"ref": "nightshift:abc", "dependsOn": refs}]


def test_equal_content_gives_equal_bytes_and_a_changed_model_others(tmp_path: Path) -> None:
    first = bill(tmp_path / "a").read_bytes()
    assert bill(tmp_path / "b" / "c").read_bytes() == first
    assert bill(tmp_path / "d", '{"x": 1}').read_bytes() != first
    assert str(tmp_path).encode() not in first
    assert b"://" not in first


def test_it_is_valid_cyclonedx(tmp_path: Path) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    try:
        validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
        error = validator.validate_str(bill(tmp_path).read_text(encoding="utf-8"))
    except Exception as trouble:
        if type(trouble).__name__ != "MissingOptionalDependencyException":
            raise
        pytest.skip("the validator needs more packages")
    assert error is None


def test_the_digest_of_an_installed_package_ignores_what_installers_add(tmp_path: Path) -> None:
    real = Path(str(distribution("six").locate_file(""))) / f"six-{distribution('six').version}.dist-info"
    copy = tmp_path / real.name
    shutil.copytree(real, copy)
    before = installed_digest(Distribution.at(copy))
    (copy / "RECORD").write_text(f"{copy.name}/direct_url.json,sha256=x,9\n" + (copy / "RECORD").read_text())
    assert installed_digest(Distribution.at(copy)) == before
    (copy / "RECORD").write_text("six_more.py,sha256=x,9\n" + (copy / "RECORD").read_text())
    assert installed_digest(Distribution.at(copy)) != before
