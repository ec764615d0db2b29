"""Paths of the state folder between a checkout and the DVC remote; the records say under which hash each lies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.layout import Layout
from pipelines.night.shared import lanes
from pipelines.night.shared.store import LostError, Store
from pipelines.records.shared import entries, paths_below, put_path
from pipelines.records.store import Records


def send_paths(layout: Layout, store: Store, records: Records, paths: Iterable[Path], night: str) -> None:
    """Send files and folders below the state folder, and say in the records under which hash they lie."""
    taken = {path.relative_to(layout.state).as_posix(): store.take(path) for path in paths if path.exists()}
    known = {path: md5 for top in taken for path, md5 in paths_below(records, top).items()}
    store.send(taken.values())
    for path, md5 in taken.items():
        if known.get(path) != md5:
            put_path(records, path, md5, night)


def bring_paths(layout: Layout, store: Store, records: Records, folder: str) -> list[Path]:
    """Place all that was sent from below a path of the state folder."""
    found = paths_below(records, folder)
    store.bring(found.values())
    for path, md5 in found.items():
        store.place(layout.state / path, md5)
    return [layout.state / path for path in found]


def bring_bundle(layout: Layout, store: Store, records: Records, product: str, version: str) -> None:
    """Place a registered version's bundle, whole or not at all. One that is lost is left to the gate, which says so."""
    final = layout.bundle(product, version)
    md5 = paths_below(records, f"bundles/{product}/{version}").get(f"bundles/{product}/{version}")
    if final.is_dir() or md5 is None:
        return
    try:
        store.bring([md5])
    except LostError as error:
        print(f"the bundle of {product} {version}: {error.line()}", flush=True)
        return
    temporary = final.with_name(f".{version}.{os.getpid()}.tmp")
    store.place(temporary, md5)
    try:
        temporary.rename(final)
    except OSError:  # another process was first
        shutil.rmtree(temporary)


def bring_lane(layout: Layout, store: Store, records: Records, product: str) -> None:
    """The packaged bundle, the rows that champion and challenger meet on, and two facts for the registry."""
    known = entries(records, [product])
    lanes.refresh_lock(layout, store.repo, known)
    made = {path: md5 for entry in known.values() for path, md5 in lanes.outs_of(entry).items()}
    folder = f"{lanes.STATE}lanes/{product}"
    whole = {path: made[path] for path in (f"{folder}/package", f"{folder}/prepare") if path in made}
    lanes.place(layout, store, records, known, whole)
    parts: Mapping[str, Iterable[str]] = {
        f"{folder}/fetch": ["provenance.json"],
        f"{folder}/evaluate/metrics.json": [],
    }
    lanes.bring_parts(layout, store, records, known, parts)


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder that may not be there."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
