"""What every kind of source is given and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.blocks.columns import Columns
from pipelines.errors import StageError
from pipelines.layout import Layout

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Place:
    """Where a source is used.

    Attributes:
        product: the product's name, for messages.
        root: the folder of ``params.yaml``; relative paths start here.
        downloads: verified downloads, named by their SHA-256.
        time: the column that says when a row was known, if any.
        target: the name that the label column gets, for a source that has no names of its own.
        id: likewise for the id column; None: no id column is made.
    """

    product: str
    root: Path
    downloads: Path
    time: str | None = None
    target: str = "target"
    id: str | None = None


def place_of(layout: Layout, product: str, columns: Columns) -> Place:
    """The surroundings of a product's source."""
    return Place(
        product=product,
        root=layout.root,
        downloads=layout.downloads,
        time=columns.time,
        target=columns.target,
        id=columns.id,
    )


@dataclass(frozen=True)
class Rows:
    """Rows as the source has them.

    Attributes:
        frame: the source's column names and order; every column fits Parquet.
        origin: where from, for the provenance record; the same on every machine.
        licence: name of the licence, or who owns the rows.
        attribution: whom to name.
    """

    frame: pd.DataFrame
    origin: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    attribution: str = ""


def stale_pin(place: Place, what: str) -> StageError:
    """The error for a snapshot that no longer fits ``params.yaml`` or the installed libraries."""
    return StageError(
        f"the snapshot no longer fits: {what}",
        where={"product": place.product, "file": "pin.json"},
        next_step=f"take it again: nightshift snapshot {place.product}",
    )
