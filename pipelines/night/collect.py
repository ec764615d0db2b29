"""``nightshift gc``, and the end of each night: what nothing needs any more goes, the oldest first.

Never removed: what the present lanes, a kept night or a champion, present or past, needs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.config import Params
from pipelines.errors import BusyError, ConfigError, NightshiftError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.kept import LOCK, MANIFEST
from pipelines.night.names import night_id
from pipelines.night.shared import is_shared
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
    lane, a branch, a kept night nor the promotion history needs; and, while the state is larger than ``size_mb``,
    reports and Airflow's task logs of nights that are not kept, the oldest first.

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
        found = _measured(layout)
        _collect(layout, found, None if size_mb is None else size_mb * MIB, nights, dry)
        return found


def tidy(layout: Layout, params: Params) -> list[str]:
    """At the end of a night, under its runner's lock: forget nights and, above ``night.keep_gib``, collect.

    Below that size all stays: a cache also serves branches and experiments. Never fails the night.
    """
    night = params.night
    limit = None if night.keep_gib is None else night.keep_gib * 1024 * MIB
    try:
        if is_shared():
            git_store.fetch_nights(layout.root)  # the last night may have been kept from another machine
        found = _measured(layout)
        beyond = night.keep_nights is not None and len(_kept(layout)) > night.keep_nights
        if (limit is None or found.before <= limit) and not beyond:
            return []
        _collect(layout, found, limit, night.keep_nights, dry=False)
        return found.lines(dry=False)
    except (NightshiftError, OSError) as error:
        return [f"nothing was tidied up: {error.line() if isinstance(error, NightshiftError) else error}"]


def _measured(layout: Layout) -> Collected:
    total = sum(map(_size, (layout.state, layout.root / ".dvc" / "cache")))
    return Collected(before=total, after=total)


def _kept(layout: Layout) -> list[git_store.KeptNight]:
    return git_store.kept_nights(layout.root) if git_store.has_git(layout.root) else []


def _collect(layout: Layout, found: Collected, limit: float | None, nights: int | None, dry: bool) -> None:
    kept = _kept(layout)
    going = kept[: max(0, len(kept) - nights)] if nights is not None else []
    for night in going:
        found.removed.append((f"kept night {night.night}", 0))
        if not dry:
            git_store.drop_night(layout.root, night.night, everywhere=is_shared())
    staying = [night.night for night in kept if night not in going]
    if is_shared() and not dry:
        _forget_notes(layout, staying)
    with _dvc_is_still(layout):
        for what, path in (*_unused_objects(layout, staying), *_unused_bundles(layout, staying)):
            _remove(found, what, path, dry)
    for what, folder in (*_report_folders(layout, staying), *_log_folders(layout, staying)):
        if limit is None or found.after <= limit:
            break
        _remove(found, what, folder, dry)
    found.removed = _summed(found.removed)
    found.fits = limit is None or found.after <= limit


def _forget_notes(layout: Layout, staying: Iterable[str]) -> None:
    """Rows of the records about nights that are no longer kept; the newest nights may not be kept yet."""
    from pipelines.records.scoreboard import latest_nights
    from pipelines.records.shared import forget_nights
    from pipelines.records.store import open_records

    records = open_records(layout.records_url)
    try:
        forget_nights(records, {*staying, *(night.night for night in latest_nights(records))})
    finally:
        records.close()


@contextlib.contextmanager
def _dvc_is_still(layout: Layout) -> Iterator[None]:
    """No DVC is between putting an object into the cache and naming it in the lock."""
    from dvc.lock import LockError
    from dvc.repo import Repo

    if not (layout.root / ".dvc").is_dir():
        yield
        return
    try:
        with Repo(os.fspath(layout.root), _wait_for_lock=True) as repo, repo.lock:
            yield
    except LockError as error:
        raise BusyError(f"DVC is busy: {error}", next_step="wait for the other dvc to end") from error


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
    locks += git_store.locks_of_branches(layout.root, LOCK) if git_store.has_git(layout.root) else []
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


def _report_folders(layout: Layout, nights: Iterable[str]) -> list[tuple[str, Path]]:
    """Folders of nights that are not kept, the oldest first."""
    staying = set(nights)
    folders = [path for path in layout.nights.glob("*") if path.is_dir() and path.name not in staying]
    return [(f"reports of {path.name}", path) for path in sorted(folders, key=_age)]


def _log_folders(layout: Layout, nights: Iterable[str]) -> list[tuple[str, Path]]:
    """Airflow's task logs of runs that are not kept nights, the oldest first."""
    staying = set(nights)
    folders = [
        path
        for path in layout.airflow_home.glob("logs/dag_id=*/run_id=*")
        if night_id(path.name.removeprefix("run_id=")) not in staying
    ]
    return [("task logs of runs that are not kept", path) for path in sorted(folders, key=_age)]


def _age(path: Path) -> float:
    return path.stat().st_mtime
