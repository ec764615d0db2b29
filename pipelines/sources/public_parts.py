"""Several public files as one table: each file is a side of an official split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.blocks.sources import PublicPartsSource, PublicSource
from pipelines.errors import SourceError
from pipelines.sources.base import Place, Rows, stale_pin
from pipelines.sources.public import obtain


def pin(source: PublicPartsSource) -> dict[str, Any]:
    """``{"kind", "parts": {part: sha256}}``."""
    return {"kind": "public_parts", "parts": {name: part.sha256 for name, part in source.parts.items()}}


def read(source: PublicPartsSource, place: Place, pinned: dict[str, Any]) -> Rows:
    """The parts' rows one below the other, with the column ``source.column`` that names the part.

    An id column that ``columns.id`` names and the files lack is made: part and row number.

    Raises:
        SourceError: a file cannot be had, or the parts have other columns.
    """
    import pandas as pd

    from pipelines.sources.tables import read_table

    if pinned != pin(source):
        raise stale_pin(place, "params.yaml has other parts or checksums")
    frames: list[pd.DataFrame] = []
    for name, part in source.parts.items():
        one = PublicSource(
            kind="public",
            path=part.path,
            url=part.url,
            sha256=part.sha256,
            licence=source.licence,
            attribution=source.attribution,
        )
        frame = read_table(obtain(one, place), name=Path(part.path).name, product=place.product)
        if frames and list(frame.columns) != list(frames[0].columns)[: len(frame.columns)]:
            raise SourceError(
                f"the part {name!r} has other columns than the first one",
                where={"product": place.product, "columns": ", ".join(map(str, frame.columns[:8]))},
                next_step="name files of one form under source.parts",
            )
        if place.id is not None and place.id not in frame:
            frame[place.id] = [f"{name}-{number}" for number in range(len(frame))]
        frame[source.column] = name
        frames.append(frame)
    origin = {
        "kind": "public_parts",
        "parts": {name: part.model_dump(mode="json") for name, part in source.parts.items()},
        "homepage": source.homepage,
    }
    whole = pd.concat(frames, ignore_index=True)
    return Rows(whole, origin, licence=source.licence, attribution=source.attribution)
