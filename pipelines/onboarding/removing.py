"""``nightshift remove``: takes a product out and says what stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import delete

from pipelines.config import Params, load_params
from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.onboarding.asking import Asker, asker
from pipelines.onboarding.insert import Text, edit_params
from pipelines.process import exclusive
from pipelines.records.registry import champion
from pipelines.records.schema import champions
from pipelines.records.store import Records, open_records

Say = Callable[[str], None]


def remove_product(layout: Layout, product: str, say: Say, *, sure: bool = False, ask: Asker | None = None) -> None:
    """Say what will go and what stays, ask, then take block, candidates, suite, snapshot and lane out.

    The service stops answering for it; its history, bundles, predictions and recorded nights stay.

    Raises:
        ConfigError: no such product, or the last one.
        BusyError: a night or `nightshift up` is running.
    """
    params = load_params(layout.params)
    records = open_records(layout.records_url)
    try:
        version = champion(records, product)
        if product not in params.products and version is None:
            params.product(product)
        if list(params.products) == [product]:
            raise ConfigError("the last product cannot be taken out", next_step="add another one first")
        for line in _plan(layout, params, product, version):
            say(line)
        if not sure and not (ask or asker()).confirm(f"take {product} out?"):
            say("nothing was changed")
            return
        with exclusive(layout.locks / "runner.lock", "a night or `nightshift up`"):
            _remove(layout, params, product, records)
    finally:
        records.close()
    say(f"{product} is taken out")


def own_suite(layout: Layout, params: Params, product: str) -> Path | None:
    """The product's suite where no other product uses it."""
    suite = params.products[product].validation.suite
    others = {block.validation.suite for name, block in params.products.items() if name != product}
    path = layout.suite(suite)
    return path if suite not in others and path.is_file() else None


def _folders(layout: Layout, product: str) -> list[Path]:
    found = (layout.snapshot(product), layout.lane(product), layout.state / "checkpoints" / product)
    return [folder for folder in found if folder.exists()]


def _plan(layout: Layout, params: Params, product: str, version: str | None) -> list[str]:
    lines = []
    if product in params.products:
        names = [key for key, c in params.candidates.items() if c.product == product]
        lines.append(f"params.yaml: products.{product}, candidates {', '.join(names)}")
        suite = own_suite(layout, params, product)
        lines.append(f"suite: expectations/{suite.name}" if suite else "suite: none of its own")
        lines += [f"folder: {folder.relative_to(layout.root)}" for folder in _folders(layout, product)]
    if version is not None:
        lines.append(f"service: version {version[:12]} stops answering")
    lines.append("stays: history, versions, predictions and nights in the records; released bundles; the cache of DVC")
    return lines


def _remove(layout: Layout, params: Params, product: str, records: Records) -> None:
    with records.changing() as connection:
        connection.execute(delete(champions).where(champions.c.product == product))
    if product not in params.products:
        return
    suite = own_suite(layout, params, product)

    def cut(text: Text) -> None:
        text.cut("products", product)
        for key, candidate in params.candidates.items():
            if candidate.product == product:
                text.cut("candidates", key)

    edit_params(layout, cut)
    if suite is not None:
        suite.unlink()
    for folder in _folders(layout, product):
        shutil.rmtree(folder)
