"""``nightshift list``: every product in one line."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.blocks.sources import BundledSource, FileSource, PublicSource, SimulatorSource, SqlSource
from pipelines.config import Product, load_params
from pipelines.layout import Layout
from pipelines.records.registry import all_champions
from pipelines.records.scoreboard import last_lane
from pipelines.records.store import open_records

HEAD = ("product", "problem", "data", "source", "target", "champion", "last night", "result", "key metric")


def list_text(layout: Layout) -> str:
    """A table of all products, in the order of ``params.yaml``; below it names that only the records know.

    Raises:
        ConfigError, RecordsError: parameters or records cannot be read.
    """
    params = load_params(layout.params)
    records = open_records(layout.records_url)
    rows = []
    try:
        champions = all_champions(records)
        for name, block in params.products.items():
            lane = last_lane(records, name)
            metric = dict(lane.metric) if lane and lane.metric else None
            rows.append(
                (
                    name,
                    f"{block.problem}, {block.columns.task}" if block.problem == "tabular" else block.problem,
                    block.data,
                    source_text(block),
                    block.columns.target,
                    champions.get(name, "-")[:12],
                    lane.night if lane else "never",
                    lane.status if lane else "-",
                    f"{metric['name']} {metric['value']:.4g}" if metric and metric.get("value") is not None else "-",
                )
            )
    finally:
        records.close()
    lines = [_table(HEAD, rows)]
    lines += [
        f"{name} is served but no product any more: nightshift remove {name} ends that"
        for name in champions
        if name not in params.products
    ]
    return "\n".join(lines)


def source_text(block: Product) -> str:
    """Where a product's rows come from, short."""
    match block.source:
        case FileSource(path=path):
            return path if len(path) <= 40 else f"...{path[-37:]}"
        case SqlSource(url=url, url_from=variable):
            return str(url or f"${variable}")
        case PublicSource(path=path):
            return path
        case BundledSource(name=name) | SimulatorSource(name=name):
            return f"{block.source.kind} {name}"
        case _:
            return str(block.source.kind)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(str(row[at])) for row in (head, *rows)) for at in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(str(v).ljust(w) for v, w in zip(line, widths, strict=True)).rstrip() for line in lines)
