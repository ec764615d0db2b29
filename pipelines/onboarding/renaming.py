"""``nightshift rename``: another name for a product; its history stays under the old one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

from pipelines.config import load_params
from pipelines.errors import ConfigError
from pipelines.files import write_text
from pipelines.layout import Layout
from pipelines.onboarding.insert import Text, edit_params
from pipelines.onboarding.removing import own_suite
from pipelines.onboarding.wish import check_name
from pipelines.process import exclusive
from pipelines.records.registry import champion, products
from pipelines.records.store import open_records

Say = Callable[[str], None]


def rename_product(layout: Layout, old: str, new: str, say: Say) -> None:
    """Rename block, candidates, suite, snapshot and lane. The split's salt stays, so no row changes its side.

    A kill in between leaves a project that loads: the suite is there under both names before the block names it.

    Raises:
        ConfigError: no such product, a name that is taken or cannot be one.
        BusyError: a night or `nightshift up` is running.
    """
    check_name(new)
    params = load_params(layout.params)
    params.product(old)
    records = open_records(layout.records_url)
    try:
        taken = new in params.products or new in products(records)
        version = champion(records, old)
    finally:
        records.close()
    if taken or layout.suite(new).exists():
        where = "params.yaml" if new in params.products else "expectations" if layout.suite(new).exists() else "records"
        raise ConfigError(f"the name {new!r} is taken", where={"in": where}, next_step="choose another name")
    candidates = {key: c for key, c in params.candidates.items() if c.product == old}
    suite = own_suite(layout, params, old)
    with exclusive(layout.locks / "runner.lock", "a night or `nightshift up`"):
        if suite is not None:
            write_text(layout.suite(new), _renamed_suite(suite.read_text(encoding="utf-8"), new))

        def change(text: Text) -> None:
            if suite is not None:
                text.replace(("products", old, "validation", "suite"), new)
            text.rename(("products", old), new)
            for key, candidate in candidates.items():
                text.replace(("candidates", key, "product"), new)
                text.rename(("candidates", key), f"{new}-{candidate.model}")

        try:
            edit_params(layout, change)
        except BaseException:
            layout.suite(new).unlink(missing_ok=True)
            raise
        if suite is not None:
            suite.unlink()
        for before, after in (
            (layout.snapshot(old), layout.snapshot(new)),
            (layout.lane(old), layout.lane(new)),
            (layout.state / "checkpoints" / old, layout.state / "checkpoints" / new),
        ):
            if before.exists() and not after.exists():
                os.replace(before, after)
    say(f"{old} is now {new}: block, {len(candidates)} candidates{', suite' if suite else ''}, snapshot and lane")
    say(f"its history, versions and nights stay in the records under {old}")
    if version is not None:
        say(
            f"the service goes on answering as {old} (version {version[:12]}) until `nightshift remove {old}`; "
            f"{new} gets a champion of its own in its next night"
        )


def _renamed_suite(text: str, new: str) -> str:
    changed = re.sub(r'("name"\s*:\s*)"[^"]*"', lambda found: f'{found.group(1)}"{new}"', text, count=1)
    return changed if json.loads(changed).get("name") == new else text
