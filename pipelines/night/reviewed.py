"""Labels by people, from the records into a product's snapshot: of rows of the source, and of answered requests."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipelines.blocks.columns import Columns
from pipelines.config import Params
from pipelines.features.values import category_key
from pipelines.files import sha256_file, write_parquet
from pipelines.layout import Layout
from pipelines.sources.feedback import Told
from pipelines.sources.feedback import as_frame as told_frame
from pipelines.sources.reviewed import FILE, REQUESTS, Reviewed, as_frame

REVIEWED_PROBLEMS = ("tabular", "text")
ANSWERED_PROBLEMS = (*REVIEWED_PROBLEMS, "reply")
"""Kinds of problems whose answers by people are learned from; of a reply product, what should have been said."""


@dataclass(frozen=True)
class PeopleSaid:
    """Reconciled labels: of rows of the source, and of requests of the prediction log."""

    rows: tuple[Reviewed, ...] = ()
    requests: tuple[Told, ...] = ()

    @property
    def names(self) -> Collection[str]:
        """The requests, as :class:`Told` names them: their feedback no longer counts."""
        return {one.request for one in self.requests}


def people_said(layout: Layout, params: Params, product: str, as_of: date) -> PeopleSaid:
    """What people answered by the end of ``as_of``, as one label per row.

    Raises:
        RecordsError: the records cannot be read.
    """
    block = params.product(product)
    if block.problem not in ANSWERED_PROBLEMS or not _has_records(layout):
        return PeopleSaid()
    from pipelines.records.review_answers import votes
    from pipelines.records.store import open_records
    from pipelines.review.reconciling import reconcile

    until = f"{(as_of + timedelta(days=1)).isoformat()}T00:00:00.000Z"
    records = open_records(layout.records_url)
    try:
        found, _ = reconcile(block, votes(records, product, until))
    finally:
        records.close()
    rows, requests = [], []
    for one in found:
        shown = one.item.shown
        if one.item.kind == "row":
            fields = {name: category_key(value) for name, value in shown.items()}
            rows.append(Reviewed(one.item.key, fields, one.label))
        elif one.item.kind == "request" and shown:
            features = {name: value for name, value in shown.items() if not name.startswith("_")}
            requests.append(Told(one.item.key, str(shown.get("_at", "")), features, one.label))
    chats = [(one.item.key, one.label) for one in found if one.item.kind == "chat"]
    requests += _of_the_log(layout, product, chats)
    return PeopleSaid(tuple(rows), tuple(requests))


def _of_the_log(layout: Layout, product: str, chats: list[tuple[str, Any]]) -> list[Told]:
    """Answered chats with the row that was asked, as the log still has it; a forgotten one is left out."""
    url = layout.log_url
    if not chats or (url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file()):
        return []
    from pipelines.records.predictions import find
    from pipelines.records.store import open_records

    log = open_records(url)
    try:
        found = []
        for key, label in chats:
            request, _, row = key.rpartition(":")
            logged = find(log, product, request, int(row)) if row.isdecimal() else None
            if logged is not None:
                found.append(Told(f"{request}:{int(row):06}", logged.at, logged.features, label))
        return found
    finally:
        log.close()


def pin_reviewed(said: PeopleSaid, columns: Columns, folder: Path) -> dict[str, Any]:
    """Write ``reviewed.parquet`` and ``reviewed_requests.parquet``, each where there is something; for ``pin.json``."""
    pinned: dict[str, Any] = {}
    if said.rows:
        write_parquet(folder / FILE, as_frame(said.rows))
        pinned["reviewed"] = {"rows": len(said.rows), "sha256": sha256_file(folder / FILE)}
    if said.requests:
        write_parquet(folder / REQUESTS, told_frame(said.requests, columns))
        pinned["reviewed_requests"] = {"rows": len(said.requests), "sha256": sha256_file(folder / REQUESTS)}
    return pinned


def _has_records(layout: Layout) -> bool:
    """Records that nothing has made yet are not made here."""
    url = layout.records_url
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file()
