"""Outcomes that clients told and that may be learned from: from the prediction log into a product's snapshot."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipelines.config import Params
from pipelines.files import sha256_file, write_parquet
from pipelines.layout import Layout
from pipelines.problems import learned
from pipelines.sources.feedback import FILE, Told, as_frame


def pin_feedback(
    layout: Layout, params: Params, product: str, as_of: date, folder: Path, reviewed: Collection[str] = ()
) -> dict[str, Any]:
    """Write the outcomes told by the end of ``as_of`` to ``folder/feedback.parquet``; what ``pin.json`` says of them.

    Requests that people have ``reviewed`` are left out: their label is pinned apart. Nothing is written, and nothing
    said, where there is none or ``label.feedback`` is false.

    Raises:
        RecordsError: the prediction log cannot be read.
    """
    block = params.product(product)
    if not block.label.feedback or not _has_log(layout):
        return {}
    from pipelines.records.feedback import matured
    from pipelines.records.store import open_records

    until = f"{(as_of + timedelta(days=1)).isoformat()}T00:00:00.000Z"
    log = open_records(layout.log_url)
    try:
        rows = matured(log, product, until, params.service.feedback_per_night)
    finally:
        log.close()
    if not rows:
        return {}
    told = [
        Told(f"{one.request_id}:{one.row:06}", one.at, learned(block, one.features, one.answer, outcome), outcome)
        for one, outcome in rows
    ]
    told = [one for one in told if one.request not in reviewed]
    if not told:
        return {}
    write_parquet(folder / FILE, as_frame(told, block.columns))
    return {"feedback": {"rows": len(told), "sha256": sha256_file(folder / FILE)}}


def _has_log(layout: Layout) -> bool:
    """A log that no service has made yet is not made here."""
    url = layout.log_url
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file()
