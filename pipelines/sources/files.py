"""The company's own files. They may change under the same name, so the snapshot holds a copy of their rows."""

from __future__ import annotations

import glob
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.blocks.sources import FileSource
from pipelines.errors import SourceError
from pipelines.files import read_parquet, sha256_file, write_parquet
from pipelines.sources import streamed
from pipelines.sources.base import Place, Rows, stale_pin
from pipelines.sources.local import Dialect, localised
from pipelines.sources.tables import read_raw, typed

if TYPE_CHECKING:
    import pandas as pd

ROWS = "rows.parquet"


def pin(source: FileSource, place: Place, as_of: date, folder: Path) -> dict[str, Any]:
    """Copy the rows known at the end of ``as_of`` to ``folder/rows.parquet``.

    Files in order of their names, rows in file order; large ones are read piece by piece, to the same bytes. Where the
    product has a time column, rows of a later day stay out; a time that cannot be read stays in, for the contract to
    judge.

    Returns:
        ``{"kind", "rows", "sha256"}``: no file names, so that a renamed file changes nothing.
    """
    paths = _paths(source, place)
    rows: int | None = None
    if sum(path.stat().st_size for path in paths) >= streamed.LARGE:
        rows = streamed.write_streamed(folder / ROWS, source, paths, lambda frame: _until(frame, place, as_of))
    if rows is None:
        frame = _until(_joined(source, place, paths), place, as_of)
        write_parquet(folder / ROWS, frame)
        rows = len(frame)
    return {"kind": "file", "rows": rows, "sha256": sha256_file(folder / ROWS)}


def read(source: FileSource, place: Place, pinned: dict[str, Any], folder: Path) -> Rows:
    """The copied rows."""
    path = folder / ROWS
    if not path.is_file() or sha256_file(path) != pinned.get("sha256"):
        raise stale_pin(place, f"{ROWS} is missing or was changed")
    return Rows(read_parquet(path), {"kind": "file", "path": source.path}, licence="own data", attribution="")


def _paths(source: FileSource, place: Place) -> list[Path]:
    pattern = source.path if Path(source.path).is_absolute() else str(place.root / source.path)
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - the pattern may be absolute
    paths = sorted(path for path in map(Path, found) if path.is_file())
    if not paths:
        raise SourceError(
            "no such file" if not glob.has_magic(source.path) else "no file matches",
            where={"product": place.product, "source": "file", "file": source.path},
            next_step="check source.path in params.yaml; a relative path starts at the folder of params.yaml",
        )
    return paths


def _joined(source: FileSource, place: Place, paths: list[Path]) -> pd.DataFrame:
    import pandas as pd

    frames = [
        read_raw(path, kind=source.format, product=place.product, encoding=source.encoding, separator=source.separator)
        for path in paths
    ]
    names = list(frames[0].columns)
    for path, frame in zip(paths[1:], frames[1:], strict=True):
        if set(frame.columns) != set(names):
            raise SourceError(
                f"its columns differ from those of {paths[0].name}",
                where={
                    "product": place.product,
                    "file": path.name,
                    "missing": sorted(set(names) - set(frame.columns)) or None,
                    "extra": sorted(set(frame.columns) - set(names)) or None,
                },
                next_step="give all files of source.path the same columns, or narrow the pattern",
            )
    whole = pd.concat([frame[names].astype(object) for frame in frames]) if len(frames) > 1 else frames[0]
    return typed(localised(whole, Dialect.of(source)))


def _until(frame: pd.DataFrame, place: Place, as_of: date) -> pd.DataFrame:
    import pandas as pd

    if place.time is None or place.time not in frame.columns:
        return frame
    times = pd.to_datetime(frame[place.time], errors="coerce", utc=True, format="mixed")
    later = times >= pd.Timestamp(as_of + timedelta(days=1), tz="UTC")
    return frame[~later].reset_index(drop=True)
