"""The queue filled anew: what the newest models, the log and the feedback say that a person should see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.process import exclusive
from pipelines.records import review
from pipelines.records.review import Ask
from pipelines.records.review_answers import mark, votes
from pipelines.records.store import Records, open_records
from pipelines.review.shown import REVIEWED_PROBLEMS

ORDER = ("suspect", "disagreement", "uncertain", "low_confidence_production")


def fill(layout: Layout, params: Params, product: str, at: datetime | None = None) -> str:
    """Choose anew what is asked about a product; one line for a person.

    What people have answered, skipped or look at now stays. What a model chose before and nobody touched gives way to
    what it chooses now, so that the queue never grows beyond ``label.review.per_night``.

    Raises:
        NightshiftError: records, log or lane cannot be read.
        BusyError: the queue of this product is being filled by another process.
    """
    block, moment = params.product(product), at or datetime.now(UTC)
    with exclusive(layout.locks / f"review-{product}.lock", f"filling the review queue of {product}"):
        records = open_records(layout.records_url)
        try:
            review.forget(records, product, _iso(moment - timedelta(days=block.requirements.retention_days)))
            settle(records, params, product)
            if block.problem not in REVIEWED_PROBLEMS:
                waiting = review.counts(records, product).get(product, {}).get("open", 0)
                return f"{product}: no row is chosen for {block.problem} products; {waiting} wait"
            asks = _chosen(layout, params, product, records, moment)
            if has_lane(layout, product):
                done = review.replace_items(records, product, asks)
            else:  # the lane ran elsewhere: what its models chose stands
                done = review.add_items(records, asks)
            waiting = review.counts(records, product).get(product, {}).get("open", 0)
        finally:
            records.close()
    return (
        f"{product}: {done.added} rows put into the review queue, {done.refreshed} asked still, "
        f"{done.withdrawn} withdrawn; {waiting} wait"
    )


def has_lane(layout: Layout, product: str) -> bool:
    """Whether the lane's accepted rows lie here."""
    return (layout.stage("validate", product) / "rows.parquet").is_file()


def settle(records: Records, params: Params, product: str) -> None:
    """Bring the states up to date with ``label.review``: it may have changed, or Dawid-Skene may decide otherwise."""
    from pipelines.review.reconciling import reconcile

    found, undecided = reconcile(params.product(product), votes(records, product))
    mark(
        records,
        [one.item.id for one in found if one.item.state != "settled"],
        [item.id for item in undecided if item.state == "settled"],
    )


def _chosen(layout: Layout, params: Params, product: str, records: Records, at: datetime) -> list[Ask]:
    most = params.product(product).label.review.per_night
    known = review.known_names(records, product)
    contradicted, unsure = _of_the_log(layout, params, product, at, most, known)
    contradicted = [ask for ask in contradicted if ask.name not in known.get(ask.key, ())]
    groups = {"low_confidence_production": unsure, **_of_the_lane(layout, params, product, records, most, known)}
    return [*contradicted, *_interleaved([groups.get(name, []) for name in ORDER], most)]


def _of_the_log(
    layout: Layout, params: Params, product: str, at: datetime, most: int, known: Mapping[str, Collection[str]]
) -> tuple[list[Ask], list[Ask]]:
    url = layout.log_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return [], []
    from pipelines.review import production

    log = open_records(url)
    try:
        unsure = production.unsure(log, params, product, at, most, known) if most else []
        return production.contradicted(log, params, product, at), unsure
    finally:
        log.close()


def _of_the_lane(
    layout: Layout, params: Params, product: str, records: Records, most: int, known: Mapping[str, Collection[str]]
) -> dict[str, list[Ask]]:
    if not most or not has_lane(layout, product):
        return {}
    from pipelines.records.registry import champion
    from pipelines.review.models import load_models
    from pipelines.review.rows import RowChooser, read_pool

    pool = read_pool(layout, params, product)
    if pool is None:
        return {}
    chooser = RowChooser(params, product, pool, load_models(layout, product, champion(records, product)), known)
    groups = {
        "suspect": chooser.suspects(layout, most),
        "disagreement": chooser.disputed(most),
        "uncertain": chooser.unsure(layout, most),
    }
    kept = {ask.name for ask in _interleaved([groups[name] for name in ORDER if name in groups], most)}
    return {name: [chooser.complete(ask) if ask.name in kept else ask for ask in asks] for name, asks in groups.items()}


def _interleaved(groups: Sequence[Sequence[Ask]], most: int) -> list[Ask]:
    """The first of each group, then the second of each, ...: no reason crowds the others out. Each row once."""
    found: dict[str, Ask] = {}
    for rank in range(max(map(len, groups), default=0)):
        for group in groups:
            if rank < len(group) and len(found) < most:
                found.setdefault(group[rank].name, group[rank])
    return [replace(ask, priority=1.0 - place / max(len(found), 1)) for place, ask in enumerate(found.values())]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
