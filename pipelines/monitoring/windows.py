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


@dataclass(frozen=True)
class Taken:
    """Rows of one version in ``since <= at < until``; ``total`` counts those of all versions."""

    since: str
    until: str
    rows: tuple[Logged, ...]
    total: int


def iso(moment: datetime) -> str:
    """UTC ISO 8601 with milliseconds and ``Z``, as the records write times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def take(log: Records, product: str, version: str, since: str, until: str, most: int = MOST_ROWS) -> Taken:
    """The rows of a window; of more than ``most`` the first of each of ``SLICES`` equal parts of its time."""
    total = predictions.count(log, product, since, until)
    if total <= most:
        rows = predictions.window(log, product, since, until, version=version)
        return Taken(since, until, tuple(rows), total)
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    step: timedelta = (end - start) / SLICES
    edges = [since, *(iso(start + step * number) for number in range(1, SLICES)), until]
    found: list[Logged] = []
    for low, high in pairwise(edges):
        found += predictions.window(log, product, low, high, version=version, limit=most // SLICES)
    return Taken(since, until, tuple(found), total)


def frame_of(block: Product, bundle: Path, rows: Sequence[Logged]) -> pd.DataFrame:
    """Raw features with the columns of the answers, one row each, in order."""
    import pandas as pd

    schema = read_json(bundle / "schema.json")
    frame = pd.DataFrame.from_records([row.features for row in rows])
    for name, values in answered(block.problem, schema, [row.answer for row in rows]).items():
        frame[name] = values
    return frame
