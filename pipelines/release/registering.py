"""A packaged bundle becomes a version: a lasting copy, a row in the records, an entry in the BentoML store."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipelines.bundle import MANIFEST, verify_bundle
from pipelines.config import Params
from pipelines.errors import BundleError, StageError
from pipelines.files import canonical_json, read_json, replaced_folder, sha256_tree
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.store import Records
from pipelines.release.bento_store import put
from pipelines.verdicts import read_verdict

CODE = Path(__file__).resolve().parents[1]


def packaged(layout: Layout, product: str) -> Path:
    """The bundle that the package stage left."""
    return layout.stage("package", product) / "bundle"


def register(layout: Layout, records: Records, params: Params, product: str, night: str) -> Version:
    """Make the packaged bundle a version. A version that is there already is checked and left as it is.

    Raises:
        StageError: the package stage has not run, or a gate of the lane said no.
        BundleError: the bundle is damaged, or belongs to another product.
        RecordsError: the records cannot be written; the copy alone promotes nothing.
    """
    source = packaged(layout, product)
    verdict = read_verdict(layout.stage("package", product))
    if not verdict.passed:
        raise StageError(
            f"the lane did not get past its gates: {verdict.line()}",
            where={"product": product},
            next_step="mend what the gate names, then run the night again",
        )
    manifest = verify_bundle(source)
    if manifest.product != product:
        raise BundleError(
            f"the packaged bundle is of {manifest.product}",
            where={"product": product, "folder": source},
            next_step=f"run `nightshift run package {product}` again",
        )
    keep(layout, product, manifest.version, source)
    put(layout, product, manifest.version)
    metrics = read_json(layout.stage("evaluate", product) / "metrics.json")
    digests = {
        "data": _data_digest(layout, product),
        "code": _code_digest(),
        "params": _params_digest(params, product),
        "split": _split_digest(params, product),
    }
    return registry.add_version(records, Version(product, manifest.version, night, digests, metrics))


def keep(layout: Layout, product: str, version: str, source: Path) -> Path:
    """Copy a bundle to its lasting place, whole or not at all; a good copy there stays, a bad one is replaced."""
    final = layout.bundle(product, version)
    if final.exists():
        try:
            verify_bundle(final, version)
            return final
        except BundleError:
            pass  # damaged since: the source was verified
    with replaced_folder(final) as folder:
        for name in (*verify_bundle(source, version).files, MANIFEST):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((source / name).read_bytes())
        verify_bundle(folder, version)
    return final


def _data_digest(layout: Layout, product: str) -> str:
    provenance = read_json(layout.stage("fetch", product) / "provenance.json")
    return str(provenance["sha256"])


def _code_digest() -> str:
    """SHA-256 over every first-party Python file."""
    files = {name: digest for name, digest in sha256_tree(CODE).items() if name.endswith(".py")}
    return hashlib.sha256(canonical_json(files).encode("utf-8")).hexdigest()


def _params_digest(params: Params, product: str) -> str:
    """SHA-256 over the product's block, its candidates and the profile."""
    content = {
        "product": params.product(product).model_dump(mode="json"),
        "candidates": {name: item.model_dump(mode="json") for name, item in params.candidates_of(product).items()},
        "profile": params.profile.model_dump(mode="json"),
    }
    return hashlib.sha256(canonical_json(content).encode("utf-8")).hexdigest()


def _split_digest(params: Params, product: str) -> str:
    """SHA-256 over what decides a row's side: two versions of one split never trained on each other's test rows."""
    block = params.product(product)
    sides = {
        "split": block.prepare.split.model_dump(mode="json"),
        "columns": {name: getattr(block.columns, name, None) for name in ("id", "group", "time")},
    }
    return hashlib.sha256(canonical_json(sides).encode("utf-8")).hexdigest()
