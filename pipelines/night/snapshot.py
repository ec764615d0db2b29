"""Pins what changes by itself, before a night. Only fetch reads a snapshot."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.config import Params, load_params
from pipelines.errors import ConfigError, NightshiftError
from pipelines.files import replaced_folder, sha256_tree, write_json
from pipelines.layout import Layout
from pipelines.night.matured import pin_feedback
from pipelines.night.reviewed import people_said, pin_reviewed
from pipelines.process import exclusive
from pipelines.sources import pin, place_of

DATA_SETS = ("demo", "public", "all")


@dataclass(frozen=True)
class SnapshotResult:
    """One product's snapshot.

    Attributes:
        product: its name.
        folder: ``snapshots/<product>/``.
        changed: False when the content was the same and nothing was written.
        summary: what is pinned, for a person.
    """

    product: str
    folder: Path
    changed: bool
    summary: str

    def line(self) -> str:
        """One line for a terminal."""
        return f"{self.product}: {'pinned' if self.changed else 'unchanged'}: {self.summary}"


def take_snapshot(layout: Layout, params: Params, product: str, as_of: date) -> SnapshotResult:
    """Pin what is known of a product's source at the end of ``as_of``.

    The same content leaves the folder untouched, its times too; other content takes its place as a whole.

    Raises:
        SourceError, ConfigError: the source cannot be pinned; an earlier snapshot stays as it was.
        BusyError: another process takes the same one.
    """
    block = params.product(product)
    final = layout.snapshot(product)
    with exclusive(layout.locks / f"snapshot-{product}.lock", f"snapshot {product}"):
        layout.state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=layout.state, prefix=".snapshot-") as name:
            folder = Path(name)
            try:
                pinned = pin(block.source, place_of(layout, product, block.columns), as_of, folder)
                said = people_said(layout, params, product, as_of)
                pinned |= pin_reviewed(said, block.columns, folder)
                pinned |= pin_feedback(layout, params, product, as_of, folder, said.names)
            except NightshiftError as error:
                raise error.at(product=product, stage="snapshot") from error
            write_json(folder / "pin.json", pinned)
            changed = not final.is_dir() or sha256_tree(final) != sha256_tree(folder)
            if changed:
                with replaced_folder(final) as out:
                    shutil.copytree(folder, out, dirs_exist_ok=True)
    summary = ", ".join(f"{key} {value}" for key, value in pinned.items() if not isinstance(value, dict))
    if "feedback" in pinned:
        summary += f", {pinned['feedback']['rows']} outcomes told by clients"
    people = sum(pinned[name]["rows"] for name in ("reviewed", "reviewed_requests") if name in pinned)
    if people:
        summary += f", {people} labels by people"
    return SnapshotResult(product, final, changed, summary)


def take_snapshots(
    layout: Layout, products: list[str], *, as_of: str | None = None, missing: bool = False, data: str = "all"
) -> list[SnapshotResult]:
    """Snapshots of several products, as the command line asks for them.

    Args:
        products: names; empty: all that ``data`` (``demo``, ``public``, ``all``) selects.
        as_of: ``YYYY-MM-DD``; default today in UTC, with ``missing`` the fixed ``night.first_as_of``.
        missing: leave out products that have a snapshot.

    Raises:
        ConfigError: no such product, day or data set.
    """
    params = load_params(layout.params)
    if data not in DATA_SETS:
        raise ConfigError(f"no data set {data!r}", next_step=f"choose one of: {', '.join(DATA_SETS)}")
    day = _day(as_of, params, missing)
    names = products or params.select(data)
    for name in names:
        params.product(name)
    wanted = [name for name in names if not (missing and (layout.snapshot(name) / "pin.json").is_file())]
    return [take_snapshot(layout, params, name, day) for name in wanted]


def _day(as_of: str | None, params: Params, missing: bool) -> date:
    text = as_of or (params.night.first_as_of if missing else datetime.now(UTC).date().isoformat())
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"not a day: {text!r}", next_step="write it as YYYY-MM-DD") from error
