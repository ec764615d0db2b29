"""``nightshift gc``: what nothing needs any more goes, the oldest first, until the state fits its size.

Never removed: what the present lanes, a kept night or a champion, present or past, needs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.kept import LOCK, MANIFEST
from pipelines.process import exclusive

MIB = 1 << 20


@dataclass
class Collected:
    """What was removed (or, in a dry run, would be).

    Attributes:
        before: bytes of state and cache at the start.
        after: bytes at the end.
        removed: ``(what, bytes)`` in order.
        fits: whether ``after`` is within the size asked for.
    """

    before: int
    after: int
    removed: list[tuple[str, int]] = field(default_factory=list)
    fits: bool = True

    def lines(self, dry: bool) -> list[str]:
        """For a terminal."""
        verb = "would remove" if dry else "removed"
        lines = [f"{verb} {what}: {size / MIB:.1f} MiB" for what, size in self.removed]
        lines.append(f"{self.before / MIB:.1f} MiB before, {self.after / MIB:.1f} MiB after")
        if not self.fits:
            lines.append("still above the size: all that is left is needed; keep fewer nights (--nights), or give more")
        return lines


def collect(layout: Layout, size_mb: float | None, nights: int | None, dry: bool = False) -> Collected:
    """Remove what nothing needs.

    First, kept nights beyond the newest ``nights`` are forgotten. Then go: cached data and bundles that neither a
    lane, a kept night nor the promotion history needs; and, while the state is larger than ``size_mb``, the report
    folders of nights that are not kept, the oldest first.

    Args:
        size_mb: MiB of ``.nightshift`` and ``.dvc/cache`` together; None: no limit.
        nights: how many kept nights stay; None: all.
        dry: remove nothing.

    Raises:
        ConfigError: fewer than one night. BusyError: a night runs.
    """
    from pipelines.night.run import RUNNER, runner_lock

    if nights is not None and nights < 1:
        raise ConfigError("--nights must be at least 1", next_step="say how many of the newest nights stay")
    with exclusive(runner_lock(layout), RUNNER):
        roots = (layout.state, layout.root / ".dvc" / "cache")
        found = Collected(before=(total := sum(map(_size, roots))), after=total)
        kept = git_store.kept_nights(layout.root) if git_store.has_git(layout.root) else []
        going = kept[: max(0, len(kept) - nights)] if nights is not None else []
        for night in going:
            found.removed.append((f"kept night {night.night}", 0))
            if not dry:
                git_store.drop_night(layout.root, night.night)
        staying = [night.night for night in kept if night not in going]
        for what, path in (*_unused_objects(layout, staying), *_unused_bundles(layout, staying)):
            _remove(found, what, path, dry)
        limit = None if size_mb is None else size_mb * MIB
        for folder in _report_folders(layout, staying):
            if limit is None or found.after <= limit:
                break
            _remove(found, f"reports of {folder.name}", folder, dry)
        found.removed = _summed(found.removed)
        found.fits = limit is None or found.after <= limit
        return found


def _remove(found: Collected, what: str, path: Path, dry: bool) -> None:
    size = _size(path)
    if not dry:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.chmod(0o644)
            path.unlink(missing_ok=True)
    found.removed.append((what, size))
    found.after -= size


def _summed(removed: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for what, size in removed:
        sums[what] = sums.get(what, 0) + size
    return list(sums.items())


def _size(path: Path) -> int:
    if path.is_file() and not path.is_symlink():
        return path.stat().st_size
    return sum(item.lstat().st_size for item in path.rglob("*") if item.is_file() or item.is_symlink())


def _unused_objects(layout: Layout, nights: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Objects of DVC's cache that no lock names."""
    cache = layout.root / ".dvc" / "cache" / "files" / "md5"
    locks = [path.read_bytes() for path in (layout.root / LOCK,) if path.is_file()]
    locks += [text for night in nights if (text := git_store.read_file(layout.root, night, LOCK)) is not None]
    used: set[str] = set()
    for text in locks:
        used |= _objects_of(text, cache)
    for path in sorted(cache.glob("??/*")):
        if f"{path.parent.name}{path.name}" not in used:
            yield "cached data that no night needs", path


def _objects_of(lock: bytes, cache: Path) -> set[str]:
    """The MD5s of a lock's outs, and of the files inside those that are folders."""
    import yaml

    content = yaml.load(lock, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    outs = [out["md5"] for stage in (content.get("stages") or {}).values() for out in stage.get("outs", [])]
    used = set(outs)
    for md5 in outs:
        listing = cache / md5[:2] / md5[2:]
        if md5.endswith(".dir") and listing.is_file():
            used |= {str(entry["md5"]) for entry in read_json(listing)}
    return used


def _unused_bundles(layout: Layout, nights: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Copies of bundles that were never a champion and belong neither to a kept night nor to a present lane."""
    from pipelines.records import registry
    from pipelines.records.store import open_records

    folder = layout.state / "bundles"
    kept = {
        text
        for night in nights
        for name in git_store.file_names(layout.root, night)
        if name.endswith(f"/{MANIFEST}") and (text := git_store.read_file(layout.root, night, name)) is not None
    }
    present = layout.state.glob(f"lanes/*/package/bundle/{MANIFEST}")
    kept |= {path.read_bytes() for path in present}
    records = open_records(layout.records_url)
    try:
        for product in sorted(folder.iterdir()) if folder.is_dir() else []:
            once = {step.to_version for step in registry.history(records, product.name)}
            for bundle in sorted(product.iterdir()):
                manifest = bundle / MANIFEST
                needed = bundle.name in once or (manifest.is_file() and manifest.read_bytes() in kept)
                if not needed and bundle.is_dir() and not bundle.name.startswith("."):
                    yield f"bundles of {product.name} that were never champion", bundle
    finally:
        records.close()


def _report_folders(layout: Layout, nights: Iterable[str]) -> list[Path]:
    """Folders of nights that are not kept, the oldest first."""
    staying = set(nights)
    folders = [path for path in layout.nights.iterdir() if path.is_dir()] if layout.nights.is_dir() else []
    return sorted((path for path in folders if path.name not in staying), key=lambda path: path.stat().st_mtime)
