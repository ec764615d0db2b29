"""A packaged model: one folder, its manifest, and a version that is the hash of its content.

``manifest.json`` names every other file of the folder with its SHA-256 and size. The version is the first 16 hex
digits of the SHA-256 of the manifest's canonical JSON: equal content has an equal version, and nothing can be added,
removed or changed without a sign.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import BundleError
from pipelines.files import canonical_json, sha256_file, write_json

MANIFEST = "manifest.json"
FORMAT = 1
VERSION_DIGITS = 16
REPACK = "pack it again (`nightshift run package PRODUCT`), or restore the folder from a good copy"


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds.

    Attributes:
        product: the product that it answers for.
        problem: the kind of problem, e.g. ``tabular``.
        version: 16 hex digits, the hash of the content.
        files: ``{relative POSIX path: {"sha256": hex, "bytes": size}}`` of every file but the manifest.
    """

    product: str
    problem: str
    version: str
    files: Mapping[str, Mapping[str, Any]]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(int(item["bytes"]) for item in self.files.values())


def write_manifest(folder: Path, product: str, problem: str) -> Manifest:
    """Write ``manifest.json`` over all files that lie in ``folder`` and return it."""
    files = describe_files(folder)
    content = {"format": FORMAT, "product": product, "problem": problem, "files": files}
    write_json(folder / MANIFEST, content)
    return Manifest(product, problem, _version(content), files)


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """``{relative POSIX path: {"bytes", "sha256"}}`` of every file but the manifest, sorted by path."""
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle, its form checked, the files not looked at.

    Raises:
        BundleError: there is no manifest, it is not JSON, or it is of another format.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        version = _version(content)
    except FileNotFoundError as error:
        raise BundleError("no manifest: this is not a bundle", where={"folder": folder}, next_step=REPACK) from error
    except (ValueError, OSError, RecursionError) as error:
        raise BundleError(f"the manifest cannot be read: {error}", where={"file": path}, next_step=REPACK) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise BundleError(
            f"a bundle of format {found!r}, this code reads {FORMAT}",
            where={"file": path},
            next_step="use the code that packed it, or pack it again with this one",
        )
    files = content.get("files")
    if not (isinstance(files, dict) and files and all(_is_entry(name, item) for name, item in files.items())):
        raise BundleError("the manifest lists no files, or lists them wrongly", where={"file": path}, next_step=REPACK)
    return Manifest(str(content.get("product")), str(content.get("problem")), version, files)


def verify_bundle(folder: Path, version: str | None = None) -> Manifest:
    """Check every file of a bundle against its manifest. Nothing of the bundle is loaded before this has passed.

    Args:
        folder: the bundle.
        version: the version that it must have, where that is known.

    Raises:
        BundleError: a file is changed, missing, extra or a link, or the version is another; names the file.
    """
    manifest = read_manifest(folder)
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    links = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink())
    present.pop(MANIFEST, None)
    missing = sorted(set(manifest.files) - set(present))
    extra = sorted(set(present) - set(manifest.files))
    changed = sorted(
        name
        for name, path in present.items()
        if name in manifest.files and name not in links and _differs(path, manifest.files[name])
    )
    for names, words in ((links, "is a link"), (missing, "is missing"), (changed, "was changed"), (extra, "is extra")):
        if names:
            more = f", and {len(names) - 1} more" if len(names) > 1 else ""
            raise BundleError(
                f"a file of the bundle {words}: {names[0]}{more}",
                where={"product": manifest.product, "folder": folder},
                next_step=REPACK,
            )
    if version is not None and manifest.version != version:
        raise BundleError(
            f"the bundle is version {manifest.version}, not {version}",
            where={"product": manifest.product, "folder": folder},
            next_step=REPACK,
        )
    return manifest


def _version(content: object) -> str:
    return hashlib.sha256(canonical_json(content).encode("utf-8")).hexdigest()[:VERSION_DIGITS]


def _is_entry(name: object, item: object) -> bool:
    if not (isinstance(name, str) and isinstance(item, dict)):
        return False
    inside = bool(Path(name).parts) and not Path(name).is_absolute() and ".." not in Path(name).parts
    return inside and isinstance(item.get("sha256"), str) and isinstance(item.get("bytes"), int)


def _differs(path: Path, item: Mapping[str, Any]) -> bool:
    same_size: bool = path.stat().st_size == item["bytes"]
    return not same_size or sha256_file(path) != item["sha256"]
