"""Where the rows of a product come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.blocks.base import Block


class SimulatorSource(Block):
    """Rows from an embedded simulator with a known data-generating process."""

    kind: Literal["simulator"]
    name: str = Field(description="simulator's name, e.g. credit")
    seed: int = 7
    start: str = Field(default="2026-01-01", description="first simulated day, YYYY-MM-DD")
    rows_at_start: int = Field(default=4000, ge=10, description="rows known on the first day")
    rows_per_day: int = Field(default=10, ge=0, description="rows added each day after the first")


class PublicSource(Block):
    """A public file: the mirror folder (``NIGHTSHIFT_MIRROR``) is tried first, then the URL."""

    kind: Literal["public"]
    path: str = Field(description="path inside the mirror folder")
    url: str = Field(description="original or archived address, tried when the mirror has no such file")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file's bytes")
    licence: str
    attribution: str
    homepage: str = ""
    newlines: Literal["as_is", "lf"] = Field(default="as_is", description="lf: line ends become LF before the check")


class BundledSource(Block):
    """A real data set inside scikit-learn."""

    kind: Literal["bundled"]
    name: Literal["breast_cancer", "diabetes", "wine", "digits", "iris"]


class FileSource(Block):
    """CSV, TSV, JSONL or Parquet files, gzip too."""

    kind: Literal["file"]
    path: str = Field(description="path or glob; relative to params.yaml")
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet"] = "auto"


Source = Annotated[SimulatorSource | PublicSource | BundledSource | FileSource, Field(discriminator="kind")]
