"""Files written whole or not at all, and the same content as the same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


ROW_GROUP = 1 << 20
"""Rows of one row group of a Parquet file."""


def canonical_json(value: object) -> str:
    """JSON text with sorted keys and a final newline. NaN and infinity are refused with ``ValueError``."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def json_number(value: float, digits: int = 10) -> float | None:
    """A float that JSON can hold: rounded to ``digits`` significant digits, ``None`` for NaN and infinity."""
    number = float(value)
    return float(f"{number:.{digits}g}") if math.isfinite(number) else None


def write_bytes(path: Path, content: bytes) -> None:
    """Write to a temporary name beside ``path``, flush to disk, then rename: a reader sees all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_text(path: Path, content: str) -> None:
    """As :func:`write_bytes`, UTF-8."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as canonical JSON, whole or not at all."""
    write_text(path, canonical_json(value))


def read_json(path: Path) -> Any:
    """The value of a JSON file (UTF-8)."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """One Parquet file with fixed settings; equal frames give equal bytes for one pinned pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=ROW_GROUP, store_schema=True)
    write_bytes(path, sink.getvalue().to_pybytes())


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A Parquet file as a data frame, optionally only some columns."""
    import pandas as pd

    return pd.read_parquet(path, columns=columns, engine="pyarrow")


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in 1 MiB pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def sha256_tree(folder: Path) -> dict[str, str]:
    """``{relative POSIX path: hex SHA-256}`` of every file under ``folder``, sorted by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


@contextlib.contextmanager
def replaced_folder(final: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``final``; on success it takes the place of ``final``.

    An exception leaves ``final`` as it was and removes the temporary folder. A kill leaves the temporary
    folder, which the next call removes.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.parent / f".{final.name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for path in sorted(temporary.rglob("*")):
            if path.is_file():
                _fsync(path)
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
        _fsync(final.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
