"""Where the rows of a product come from."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipelines.blocks.base import Block


class SimulatorSource(Block):
    """Rows from an embedded simulator with a known data-generating process."""

    kind: Literal["simulator"]
    name: str = Field(description="simulator's name, e.g. credit")
    seed: int = 7
    start: str = Field(default="2026-01-01", description="first simulated day, YYYY-MM-DD")
    rows_at_start: int = Field(default=4000, ge=10, description="rows known on the first day")
    rows_per_day: int = Field(default=10, ge=0, description="rows added each day after the first")
    shift: str = Field(default="none", description="a change of the simulated world, one of the simulator's SHIFTS")
    shift_from: str | None = Field(default=None, description="first day of the changed world; default: start")
    labelled_share: float = Field(
        default=1.0, gt=0.0, le=1.0, description="share of the rows that come with their label; the others wait for one"
    )


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
    layout: Literal["rows", "star_events", "calling_days"] = Field(
        default="rows",
        description="star_events: the event log of STAR becomes one row per agent reply; calling_days: calls in order"
        " of time get a column with the number of calls on the calling day before",
    )


class BundledSource(Block):
    """A real data set inside scikit-learn."""

    kind: Literal["bundled"]
    name: Literal["breast_cancer", "diabetes", "wine", "digits", "iris"]


class FileSource(Block):
    """CSV, TSV, JSONL or Parquet files, gzip too."""

    kind: Literal["file"]
    path: str = Field(description="path or glob; relative to params.yaml")
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet"] = "auto"
    encoding: str | None = Field(default=None, description="e.g. cp1252, gb18030; default: UTF-8, or as a mark says")
    separator: str | None = Field(default=None, min_length=1, max_length=1, description="default: found in the header")
    decimal: Literal[".", ","] = Field(default=".", description="decimal sign of numbers in text files")
    thousands: Literal["", ".", ",", "'", " "] = Field(default="", description="between groups of three digits")
    missing: tuple[str, ...] = Field(default=(), description="more texts that count as missing among numbers, e.g. '?'")
    dates: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="column -> strptime formats, tried in order; the dates become ISO 8601"
    )
    spellings: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="column -> {text as written: text as meant}, e.g. for labels"
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                codecs.lookup(value)
        except LookupError:
            raise ValueError("no such encoding; use a name that Python knows, e.g. utf-8, cp1252, gb18030") from None
        return value

    @model_validator(mode="after")
    def _two_signs(self) -> FileSource:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign")
        return self


class SqlSource(Block):
    """The rows of a query, on any database that SQLAlchemy has a driver for."""

    kind: Literal["sql"]
    url: str | None = Field(
        default=None, description="SQLAlchemy URL without a password, e.g. sqlite:///shop.db (relative to params.yaml)"
    )
    url_from: str | None = Field(
        default=None, pattern=r"^[A-Z][A-Z0-9_]*$", description="environment variable that holds the URL, secrets too"
    )
    query: str = Field(description="one SELECT; :as_of is the last day to know of, as a date")

    @model_validator(mode="after")
    def _one_url(self) -> SqlSource:
        if (self.url is None) == (self.url_from is None):
            raise ValueError("give either url or url_from")
        if self.url is not None and re.match(r"^[^/]*://[^/@]*:[^/@]+@", self.url):
            raise ValueError("url holds a password: put the URL into an environment variable and name it as url_from")
        return self


class PublicPart(Block):
    """One file of several."""

    path: str = Field(description="path inside the mirror folder")
    url: str = Field(description="original or archived address, tried when the mirror has no such file")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file's bytes")


class PublicPartsSource(Block):
    """Public files of one form, one below the other; a column names the part that a row is of."""

    kind: Literal["public_parts"]
    parts: dict[str, PublicPart] = Field(min_length=1, description="part, e.g. train or test -> file")
    column: str = Field(default="split", description="name of the column that holds the part")
    licence: str
    attribution: str
    homepage: str = ""


Source = Annotated[
    SimulatorSource | PublicSource | BundledSource | FileSource | SqlSource | PublicPartsSource,
    Field(discriminator="kind"),
]
