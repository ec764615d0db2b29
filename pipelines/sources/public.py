"""A public file: from the mirror folder or its address, believed only with the right checksum."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from pipelines.blocks.sources import PublicSource
from pipelines.errors import SourceError
from pipelines.files import sha256_file
from pipelines.sources.base import Place, Rows, stale_pin

MIRROR = "NIGHTSHIFT_MIRROR"
TIMEOUT_SECONDS = 30.0
PIECE = 1 << 20


def pin(source: PublicSource) -> dict[str, Any]:
    """``{"kind", "path", "sha256"}``: the checksum is the content, nothing need be fetched yet."""
    return {"kind": "public", "path": source.path, "sha256": source.sha256}


def read(source: PublicSource, place: Place, pinned: dict[str, Any]) -> Rows:
    """The file's table. Mirror and address give the same bytes, so the origin does not say which was used."""
    from pipelines.sources.tables import read_table

    if pinned.get("sha256") != source.sha256:
        raise stale_pin(place, "params.yaml has another sha256")
    path = obtain(source, place)
    frame = read_table(path, name=Path(source.path).name, product=place.product)
    if source.layout == "star_events":
        from pipelines.sources.star import replies

        frame = replies(frame)
    elif source.layout == "calling_days":
        from pipelines.sources.calling_days import with_busy_days

        frame = with_busy_days(frame)
    origin = {"kind": "public", "path": source.path, "url": source.url, "sha256": source.sha256}
    if source.homepage:
        origin["homepage"] = source.homepage
    return Rows(frame, origin, licence=source.licence, attribution=source.attribution)


def obtain(source: PublicSource, place: Place) -> Path:
    """The verified file, in ``downloads/<sha256>``: from there, else the mirror, else the address.

    Raises:
        SourceError: nowhere to be had (transient where the host may come back), truncated, or another checksum.
    """
    kept = place.downloads / source.sha256
    if kept.is_file():
        if sha256_file(kept) == source.sha256:
            return kept
        kept.unlink()
    mirror = os.environ.get(MIRROR)
    mirrored = Path(mirror).expanduser() / source.path if mirror else None
    if mirrored is not None and mirrored.is_file():
        with mirrored.open("rb") as stream:
            return _keep(_pieces(stream), kept, source, place, str(mirrored))
    try:
        request = urllib.request.Request(source.url, headers={"User-Agent": "nightshift"})
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            expected = answer.headers.get("Content-Length")
            pieces = _whole(_pieces(answer), int(expected) if expected else None, source, place)
            return _keep(pieces, kept, source, place, source.url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        _unreachable(error, source, place, mirrored)


def _pieces(stream: Any) -> Iterator[bytes]:
    while piece := stream.read(PIECE):
        yield piece


def _whole(pieces: Iterator[bytes], expected: int | None, source: PublicSource, place: Place) -> Iterator[bytes]:
    received = 0
    for piece in pieces:
        received += len(piece)
        yield piece
    if expected is not None and received != expected:
        raise SourceError(
            f"truncated: {received} of {expected} bytes arrived",
            where={"product": place.product, "source": source.url, "file": Path(source.path).name},
            next_step="try again; the transfer was cut off",
            transient=True,
        )


def _to_lf(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """CRLF and CR become LF, also across the border of two pieces."""
    held = b""
    for piece in pieces:
        piece = held + piece
        held = b"\r" if piece.endswith(b"\r") else b""
        yield piece[: len(piece) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if held:
        yield b"\n"


def _keep(pieces: Iterator[bytes], kept: Path, source: PublicSource, place: Place, found_at: str) -> Path:
    """Write to a temporary name, check, and only then rename."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=kept.parent, prefix=".", suffix=".tmp")
    try:
        digest, size = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as stream:
            for piece in _to_lf(pieces) if source.newlines == "lf" else pieces:
                digest.update(piece)
                size += len(piece)
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        if digest.hexdigest() != source.sha256:
            raise SourceError(
                "wrong checksum" if size else "the file is empty",
                where={
                    "product": place.product,
                    "source": found_at,
                    "file": Path(source.path).name,
                    "bytes": size,
                    "expected": source.sha256,
                    "actual": digest.hexdigest(),
                },
                next_step="get the file again from its origin; if it truly changed, check it and set the new sha256",
            )
        os.replace(temporary, kept)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return kept


def _unreachable(error: Exception, source: PublicSource, place: Place, mirrored: Path | None) -> NoReturn:
    status = error.code if isinstance(error, urllib.error.HTTPError) else None
    reason = getattr(error, "reason", None) or error or type(error).__name__
    tried = f"no such file in the mirror, and {source.url}" if mirrored is not None else source.url
    answer = f"answered {status}" if status else f"cannot be reached ({reason})"
    raise SourceError(
        f"{tried} {answer}",
        where={
            "product": place.product,
            "source": source.url,
            "file": str(mirrored) if mirrored is not None else Path(source.path).name,
        },
        next_step=f"check the network, or set {MIRROR} to a folder that holds {source.path}",
        transient=not isinstance(error, ValueError) and (status is None or status in {408, 425, 429} or status >= 500),
    ) from error
