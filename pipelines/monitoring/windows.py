"""A window of the prediction log as the rows that are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import Product
from pipelines.files import read_json
from pipelines.problems import answered
from pipelines.records import predictions
from pipelines.records.predictions import Logged
from pipelines.records.store import Records

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 100_000
"""Of a larger window so many rows are judged, spread evenly over its time."""
SLICES = 20
LATE = timedelta(days=1)
"""How much later than it was answered a row may be written, and is judged still."""


@dataclass(frozen=True)
class Taken:
    """Rows of one version in ``since <= at < until``; ``total`` counts those of all versions.

    ``mark``: up to where the log was read (:func:`pipelines.records.predictions.mark`). ``late``: so many of the rows
    were answered before ``since``, and written after the window before was read.
    """

    since: str
    until: str
    rows: tuple[Logged, ...]
    total: int
    mark: int | None = None
    late: int = 0


def iso(moment: datetime) -> str:
    """UTC ISO 8601 with milliseconds and ``Z``, as the records write times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def take(
    log: Records,
    product: str,
    version: str,
    since: str,
    until: str,
    most: int = MOST_ROWS,
    mark: int | None = None,
    seen: int | None = None,
) -> Taken:
    """The rows of a window; of more than ``most`` the first of each of ``SLICES`` equal parts of its time.

    Args:
        mark: how far the log is read; None: to its end.
        seen: the mark of the window before: what was answered in its time and written beyond it comes first.
    """
    late: list[Logged] = []
    if seen is not None:
        before = iso(datetime.fromisoformat(since) - LATE)
        late = predictions.window(log, product, before, since, version=version, limit=most, beyond=seen, upto=mark)
    total = predictions.count(log, product, since, until, upto=mark)
    if total <= most:
        rows = predictions.window(log, product, since, until, version=version, upto=mark)
        return Taken(since, until, (*late, *rows), total, mark, len(late))
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    step: timedelta = (end - start) / SLICES
    edges = [since, *(iso(start + step * number) for number in range(1, SLICES)), until]
    found: list[Logged] = []
    for low, high in pairwise(edges):
        found += predictions.window(log, product, low, high, version=version, limit=most // SLICES, upto=mark)
    return Taken(since, until, (*late, *found), total, mark, len(late))


def frame_of(block: Product, bundle: Path, rows: Sequence[Logged]) -> pd.DataFrame:
    """Raw features with the columns of the answers, one row each, in order."""
    import pandas as pd

    schema = read_json(bundle / "schema.json")
    frame = pd.DataFrame.from_records([row.features for row in rows])
    for name, values in answered(block.problem, schema, [row.answer for row in rows]).items():
        frame[name] = values
    return frame
