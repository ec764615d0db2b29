"""A bill of materials for a Bento: CycloneDX 1.6 JSON of its pins, its models and its code.

Equal content gives equal bytes: no time, no serial number, no place. A package has no address here, only name and
version: nothing that is shipped names an index. What stands for the checksum of an installed package is a digest over
the SHA-256 of every file that its wheel brought, as its RECORD holds them; what installers add is left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from pipelines.bundle import read_manifest
from pipelines.files import canonical_json, sha256_file, sha256_tree, write_json
from pipelines.supply.licences import licence_of, read_pins

FILE = "sbom.cdx.json"
SPEC = "1.6"
DIGEST = "nightshift:installed-files-sha256"
ADDED_BY_INSTALLERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


def write_sbom(path: Path, name: str, version: str, pins: Path, models: Mapping[str, Path], code: Path) -> None:
    """Write the bill of one Bento.

    Args:
        path: where to.
        name: of the Bento; ``version`` its own.
        pins: file of ``name==version`` lines; every package must be installed here.
        models: ``{product: bundle folder}``.
        code: folder with what is shipped of the project's own code.

    Raises:
        ConfigError: a line is no pin. BundleError: a bundle has no manifest.
    """
    root = f"{name}:{version}"
    packages = [_package(*pin) for pin in sorted(read_pins(pins).items())]
    bundles = [_model(product, folder) for product, folder in sorted(models.items())]
    own = {
        "type": "library",
        "bom-ref": "code",
        "name": f"{name}-code",
        "hashes": [_hash(hashlib.sha256(canonical_json(sha256_tree(code)).encode("utf-8")).hexdigest())],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    components = [own, *bundles, *packages]
    write_json(
        path,
        {
            "bomFormat": "CycloneDX",
            "specVersion": SPEC,
            "version": 1,
            "metadata": {"component": {"type": "application", "bom-ref": root, "name": name, "version": version}},
            "components": components,
            "dependencies": [{"ref": root, "dependsOn": [item["bom-ref"] for item in components]}],
        },
    )


def _package(name: str, version: str) -> dict[str, Any]:
    package = distribution(name)
    licence = licence_of(package)
    spdx = " " not in licence or " OR " in licence or " AND " in licence or " WITH " in licence
    found: dict[str, Any] = {"type": "library", "bom-ref": f"{name}@{version}", "name": name, "version": version}
    if licence:
        found["licenses"] = [{"expression": licence}] if spdx else [{"license": {"name": licence}}]
    found["properties"] = [{"name": DIGEST, "value": installed_digest(package)}]
    return found


def installed_digest(package: Distribution) -> str:
    """SHA-256 over path, hash and size of every file that the wheel brought, as its RECORD lists them."""
    rows = csv.reader(io.StringIO(package.read_text("RECORD") or ""))
    lines = sorted(
        f"{path},{digest},{size}"
        for path, digest, size in rows
        if digest and not path.startswith("..") and Path(path).name not in ADDED_BY_INSTALLERS
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def _model(product: str, folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    return {
        "type": "machine-learning-model",
        "bom-ref": f"{product}@{manifest.version}",
        "name": product,
        "version": manifest.version,
        "hashes": [_hash(sha256_file(folder / "manifest.json"))],
        "components": [
            {
                "type": "file",
                "bom-ref": f"{product}@{manifest.version}/{name}",
                "name": name,
                "hashes": [_hash(str(item["sha256"]))],
            }
            for name, item in sorted(manifest.files.items())
        ],
    }


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
