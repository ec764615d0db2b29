"""Rows as pinned, in one Parquet file, and where they come from."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.blocks.columns import Columns
from pipelines.errors import DataError, SourceError, StageError
from pipelines.features.values import category_key
from pipelines.files import read_json, read_parquet, sha256_file, write_json, write_parquet
from pipelines.problems.common.identity import column_keys, row_keys
from pipelines.sources import place_of, read, reviewed
from pipelines.sources.feedback import FILE, Merged, merge
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd


def fetch(step: Step) -> Verdict:
    """Write ``rows.parquet`` and ``provenance.json`` (see docs/contracts.md).

    Raises:
        StageError: there is no snapshot, or it no longer fits ``params.yaml``.
        SourceError: the source cannot be read, or has no rows.
        DataError: a column that ``params.yaml`` names is missing.
    """
    columns = step.product.columns
    folder = step.layout.snapshot(step.name)
    place = place_of(step.layout, step.name, columns)
    rows = read(step.product.source, place, _pinned(step), folder)
    names = [str(name) for name in rows.frame.columns]
    if rows.frame.empty:
        raise SourceError(
            "the source has no rows",
            where={"product": step.name, "source": step.product.source.kind, "columns": len(names)},
            next_step="check the source; the outs of the last night stay as they were",
        )
    _check_columns(columns, names, step)
    merged = _with_feedback(rows.frame, folder / FILE, columns)
    asked = _with_feedback(merged.frame, folder / reviewed.REQUESTS, columns)
    people = _with_people(asked.frame, folder, columns)
    frame = reviewed.mark_last(people.frame, asked.used)
    write_parquet(step.out / "rows.parquet", frame)
    unused = sorted(set(names) - declared_columns(columns))
    write_json(
        step.out / "provenance.json",
        {
            "product": step.name,
            "rows": len(frame),
            "feedback": {"rows": merged.used, "left_out": dict(merged.left_out)},
            "reviewed": {
                "rows": people.used,
                "changed": people.changed,
                "left_out": dict(people.left_out),
                "requests": {"rows": asked.used, "left_out": dict(asked.left_out)},
            },
            "columns": _column_types(rows.frame),
            "not_declared": unused,
            "sha256": sha256_file(step.out / "rows.parquet"),
            "origin": rows.origin,
            "licence": rows.licence,
            "attribution": rows.attribution,
        },
    )
    detail = f"{len(names)} columns, {len(unused)} of them not named in params.yaml and kept"
    checks = [Check(name="rows", ok=True, value=len(frame), unit="rows", detail=detail)]
    if merged.used or merged.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in merged.left_out.items())
        told = f"{merged.used} rows whose outcome clients told" + (f"; left out: {reasons}" if reasons else "")
        checks.append(Check(name="feedback", ok=True, value=merged.used, unit="rows", detail=told))
    if people.used or people.left_out or asked.used or asked.left_out:
        checks.append(_check_people(people, asked))
    return from_checks("fetch", step.name, checks, next_step="")


def _check_people(people: reviewed.Relabelled, asked: Merged) -> Check:
    reasons = ", ".join(f"{count} {reason}" for reason, count in {**asked.left_out, **people.left_out}.items())
    told = f"{people.used} labels by people, {people.changed} other than the source's, and {asked.used} of requests"
    value = people.used + asked.used
    detail = told + (f"; left out: {reasons}" if reasons else "")
    return Check(name="reviewed", ok=True, value=value, unit="rows", detail=detail)


def _with_people(frame: pd.DataFrame, folder: Path, columns: Columns) -> reviewed.Relabelled:
    path = folder / reviewed.FILE
    if not path.is_file():
        return reviewed.Relabelled(frame)
    labels = read_parquet(path)
    texts = {str(name): column_keys(frame[name].to_numpy()) for name in frame.columns}
    names = {key: value for value in frame[columns.target].unique() if (key := category_key(value)) is not None}
    return reviewed.apply(frame, row_keys(frame, columns), texts, labels, columns.target, names)


def _with_feedback(frame: pd.DataFrame, path: Path, columns: Columns) -> Merged:
    return merge(frame, read_parquet(path), columns) if path.is_file() else Merged(frame, 0)


def declared_columns(columns: Columns) -> set[str]:
    """Every column that a product's block names."""
    optional = {columns.id, columns.text, columns.time, columns.group, columns.series} - {None}
    return {columns.target, *columns.numeric, *columns.categorical, *(str(name) for name in optional)}


def _pinned(step: Step) -> dict[str, Any]:
    path = step.layout.snapshot(step.name) / "pin.json"
    if not path.is_file():
        raise StageError(
            "there is no snapshot",
            where={"product": step.name},
            next_step=f"take one: nightshift snapshot {step.name}, or --missing for all that have none",
        )
    try:
        content = read_json(path)
    except ValueError as error:
        raise StageError(
            "the snapshot cannot be read",
            where={"product": step.name, "file": "pin.json"},
            next_step=f"take it again: nightshift snapshot {step.name}",
        ) from error
    return dict(content)


def _check_columns(columns: Columns, names: list[str], step: Step) -> None:
    lacking = sorted(declared_columns(columns) - set(names))
    if not lacking:
        return
    folded = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(lacking[0].casefold(), folded, n=1, cutoff=0.5)
    hint = (
        f"the nearest name in the source is {folded[near[0]]!r}" if near else f"the source has: {', '.join(names[:8])}"
    )
    more = f" (and {len(lacking) - 1} more: {', '.join(lacking[1:6])})" if len(lacking) > 1 else ""
    raise DataError(
        f"column {lacking[0]!r} is missing{more}; {hint}",
        where={"product": step.name, "source": step.product.source.kind, "rows": None},
        next_step=f"mend the source, or the names under products.{step.name}.columns in params.yaml",
    )


def _column_types(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [{"name": str(name), "type": str(frame[name].dtype)} for name in frame.columns]
