"""Where rows come from. ``pin`` fixes what a night will see; ``read`` gives exactly that, without asking the clock."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pipelines.blocks.sources import (
    BundledSource,
    FileSource,
    PublicPartsSource,
    PublicSource,
    SimulatorSource,
    Source,
    SqlSource,
)
from pipelines.errors import StageError
from pipelines.sources.base import Place, Rows, place_of

__all__ = ["Place", "Rows", "pin", "place_of", "read"]


def pin(source: Source, place: Place, as_of: date, folder: Path) -> dict[str, Any]:
    """What of ``source`` is known at the end of ``as_of``: the content of ``pin.json``.

    A source that can change under the same name (``file``, ``sql``) also copies its rows into ``folder``.

    Raises:
        SourceError: the source has nothing yet, or cannot be read.
    """
    match source:
        case SimulatorSource():
            from pipelines.sources import simulator

            return simulator.pin(source, place, as_of)
        case PublicSource():
            from pipelines.sources import public

            return public.pin(source)
        case PublicPartsSource():
            from pipelines.sources import public_parts

            return public_parts.pin(source)
        case BundledSource():
            from pipelines.sources import bundled

            return bundled.pin(source)
        case FileSource():
            from pipelines.sources import files

            return files.pin(source, place, as_of, folder)
        case SqlSource():
            from pipelines.sources import sql

            return sql.pin(source, place, as_of, folder)


def read(source: Source, place: Place, pinned: dict[str, Any], folder: Path) -> Rows:
    """The rows that ``pinned`` stands for.

    Raises:
        StageError: the pin was taken of another source.
        SourceError: unreachable, damaged or empty.
    """
    if pinned.get("kind") != source.kind:
        raise StageError(
            f"the snapshot is of a source of kind {pinned.get('kind')!r}, params.yaml says {source.kind!r}",
            where={"product": place.product},
            next_step=f"take it again: nightshift snapshot {place.product}",
        )
    match source:
        case SimulatorSource():
            from pipelines.sources import simulator

            return simulator.read(source, place, pinned)
        case PublicSource():
            from pipelines.sources import public

            return public.read(source, place, pinned)
        case PublicPartsSource():
            from pipelines.sources import public_parts

            return public_parts.read(source, place, pinned)
        case BundledSource():
            from pipelines.sources import bundled

            return bundled.read(source, place, pinned)
        case FileSource():
            from pipelines.sources import files

            return files.read(source, place, pinned, folder)
        case SqlSource():
            from pipelines.sources import sql

            return sql.read(place, pinned, folder)
