"""Looks at data of any size: every row is counted, an evenly spread sample is kept."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.blocks.sources import FileSource, SqlSource
from pipelines.errors import ConfigError, SourceError
from pipelines.onboarding import formats
from pipelines.onboarding.asking import Asker
from pipelines.onboarding.facts import HASHES, Facts
from pipelines.onboarding.sample import Spread
from pipelines.sources import Place
from pipelines.sources.batches import Reading, batches, open_reading
from pipelines.sources.local import Dialect, localised
from pipelines.sources.tables import typed
from pipelines.step import Progress

if TYPE_CHECKING:
    import pandas as pd

COUNTED = 2_000_000  # distinct values of all columns together
HEAD_VALUES = 300  # distinct values of a column looked at for its way of writing


@dataclass(frozen=True)
class Data:
    """Where the data lies.

    Attributes:
        source: as it will stand in ``params.yaml``; encoding and writing may still be open.
        place: the surroundings of the source.
    """

    source: FileSource | SqlSource
    place: Place


@dataclass
class Look:
    """What is known after one look.

    Attributes:
        source: with encoding, separator, decimal sign and thousands filled in.
        size: bytes on disk; 0 for a query.
        rows: all rows.
        facts: counts per column, all rows.
        raw: the sample as it was read.
        whole: the sample is all of the data.
        said: how the data is read, ``(topic, sentence)``.
    """

    source: FileSource | SqlSource
    size: int
    rows: int
    facts: dict[str, Facts]
    raw: pd.DataFrame
    whole: bool
    said: list[tuple[str, str]] = field(default_factory=list)

    def table(self, source: FileSource | SqlSource | None = None) -> pd.DataFrame:
        """The sample with the types that fetch will give it."""
        chosen = source or self.source
        dialect = Dialect.of(chosen) if isinstance(chosen, FileSource) else Dialect()
        return typed(localised(self.raw, dialect))


def look(data: Data, given: Mapping[str, str], asker: Asker, progress: Progress = lambda *_: None) -> Look:
    """Read the data once, after a first glance at how it is written.

    Args:
        data: where it lies.
        given: options that were given: ``encoding``, ``separator``, ``decimal``, ``thousands``.
        asker: for what cannot be decided.

    Raises:
        SourceError: it cannot be read.
        ConfigError: something about its writing cannot be decided.
    """
    if isinstance(data.source, SqlSource):
        return _count(data.source, 0, lambda: _query(data), Dialect(), [("data", "the rows of a query")], progress)
    readings = _readings(data, given)
    source, said = _written(data.source, readings, given, asker)
    size = sum(reading.size for reading in readings)

    def pieces() -> Iterator[pd.DataFrame]:
        names: set[str] = set()
        for reading in readings:
            for part in batches(reading):
                names = names or {str(name) for name in part.columns}
                if reading.form != "jsonl" and {str(name) for name in part.columns} != names:
                    raise SourceError(
                        f"its columns differ from those of {readings[0].path.name}",
                        where={"file": reading.path.name},
                        next_step="give all files the same columns, or narrow --data",
                    )
                yield part

    return _count(source, size, pieces, Dialect.of(source), said, progress)


def _query(data: Data) -> Iterator[pd.DataFrame]:
    from pipelines.sources import sql

    assert isinstance(data.source, SqlSource)
    return sql.batches(data.source, data.place, datetime.now(UTC).date())


def _readings(data: Data, given: Mapping[str, str]) -> list[Reading]:
    assert isinstance(data.source, FileSource)
    path = data.source.path
    pattern = path if Path(path).is_absolute() else str(data.place.root / path)
    found = sorted(entry for entry in map(Path, glob.glob(pattern, recursive=True)) if entry.is_file())  # noqa: PTH207
    if not found:
        raise SourceError("no such file", where={"data": path}, next_step="mend --data; a glob must be in quotes")
    readings = [
        open_reading(entry, data.source.format, given.get("encoding"), given.get("separator")) for entry in found
    ]
    names = {reading.encoding.name: reading for reading in readings if reading.encoding}
    foreign = {name for name in names if not name.startswith("utf")}
    if len(foreign) > 1 or (foreign and len(names) > 1 and not _ascii_only(readings, foreign)):
        raise ConfigError(
            f"the files are of several encodings: {', '.join(sorted(names))}",
            where={"files": ", ".join(reading.path.name for reading in names.values())},
            next_step="save them in one encoding, or say which: --encoding",
        )
    if foreign:  # plain ASCII files read the same in it
        chosen = names[foreign.pop()].encoding
        readings = [replace(reading, encoding=chosen) if reading.encoding else reading for reading in readings]
    return readings


def _ascii_only(readings: list[Reading], foreign: set[str]) -> bool:
    others = [r for r in readings if r.encoding and r.encoding.name not in foreign]
    return all(r.path.stat().st_size < 1 << 26 and r.path.read_bytes().isascii() for r in others)


def _written(
    source: FileSource, readings: list[Reading], given: Mapping[str, str], asker: Asker
) -> tuple[FileSource, list[tuple[str, str]]]:
    said = [("data", _files(readings))]
    update: dict[str, Any] = {}
    texts = [reading for reading in readings if reading.encoding is not None]
    if texts:
        found = texts[0].encoding
        assert found is not None
        if not found.name.startswith("utf-8") and found.name != "utf-16":
            update["encoding"] = found.name
        if not found.sure:
            others = f"; {', '.join(found.others)} would read it too" if found.others else ""
            shown = f" It reads: {found.example}." if found.example else ""
            said.append(("encoding", f"{found.name} assumed: {found.why}{others}.{shown} Another: --encoding NAME"))
        elif update:
            said.append(("encoding", f"{found.name}: {found.why}"))
        if given.get("separator"):
            update["separator"] = given["separator"]
        if texts[0].separator:
            said.append(("separator", f"{'tab' if texts[0].separator == chr(9) else texts[0].separator}"))
        writing = _numbers(texts, given, asker)
        if writing.decimal != "." or writing.thousands:
            update |= {"decimal": writing.decimal, "thousands": writing.thousands}
            groups = f", {writing.thousands!r} between thousands" if writing.thousands else ""
            said.append(("numbers", f"decimal sign {writing.decimal!r}{groups}: {writing.why}"))
    return source.model_copy(update=update), said


def _files(readings: list[Reading]) -> str:
    size = sum(reading.size for reading in readings) / 2**20
    name = readings[0].path.name if len(readings) == 1 else f"{len(readings)} files, {readings[0].path.name} first"
    return f"{name}, {size:,.1f} MiB, {readings[0].form}"


def _numbers(readings: list[Reading], given: Mapping[str, str], asker: Asker) -> formats.Writing:
    if "decimal" in given and "thousands" in given:
        return formats.Writing(given["decimal"], given["thousands"], "given")
    values: dict[str, list[str]] = {}
    for reading in readings[:20]:
        part = next(batches(reading), None)
        if part is None:
            continue
        for name in part.columns:
            if part[name].dtype == object:
                kept = [value for value in part[name].drop_duplicates()[:HEAD_VALUES] if isinstance(value, str)]
                values.setdefault(str(name), []).extend(kept)
    if "decimal" in given:
        asker = _Given(given["decimal"])
    found = formats.decide(values, asker)
    decimal, thousands = given.get("decimal", found.decimal), given.get("thousands", found.thousands)
    return formats.Writing(decimal, "" if thousands == decimal else thousands, found.why or "given")


class _Given:
    """Answers every question with what was given."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def choose(self, *_: Any) -> str:
        return self.answer

    prefer = choose

    def confirm(self, _: str) -> bool:
        return True


def _count(
    source: FileSource | SqlSource,
    size: int,
    pieces: Callable[[], Iterator[pd.DataFrame]],
    dialect: Dialect,
    said: list[tuple[str, str]],
    progress: Progress,
) -> Look:
    facts: dict[str, Facts] = {}
    spread: Spread | None = None
    rows = 0
    for part in pieces():
        part.columns = [str(name) for name in part.columns]
        if spread is None:
            limit = max(250, min(5000, COUNTED // max(len(part.columns), 1)))
            facts = {name: Facts(name, limit) for name in part.columns}
            spread = Spread(len(part.columns))
        _same_columns(facts, part, rows)
        for name, fact in facts.items():
            if name in part:
                fact.add(part[name], dialect)
            else:
                fact.rows, fact.blank, fact.missing = (n + len(part) for n in (fact.rows, fact.blank, fact.missing))
        _bound_hashes(facts)
        spread.add(part)
        rows += len(part)
        progress("rows read", rows, rows + 1)
    if spread is None or not rows:
        raise SourceError("the data has no rows", next_step="give data with rows, or mend the query")
    for fact in facts.values():
        fact.close()
    return Look(source, size, rows, facts, spread.frame(), spread.whole, said)


def _same_columns(facts: dict[str, Facts], part: pd.DataFrame, rows: int) -> None:
    """Lines of JSON may bring a key later; files of other columns are an error of the night, so of this look too."""
    for name in part.columns:
        if name not in facts:
            late = Facts(name, next(iter(facts.values())).limit)
            late.rows = late.blank = late.missing = rows
            facts[name] = late


def _bound_hashes(facts: dict[str, Facts]) -> None:
    held = {name: fact.held for name, fact in facts.items() if fact.held}
    while sum(held.values()) > HASHES:
        facts[max(held, key=lambda name: held[name])].forget()
        held = {name: fact.held for name, fact in facts.items() if fact.held}
