"""Whole nights where they are shared: the plan, the scoreboard, pages, the ref, and a machine that serves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable

from pipelines.config import Params, load_params
from pipelines.errors import ConfigError, NightshiftError
from pipelines.layout import STAGES, Layout
from pipelines.night import git_store
from pipelines.night.notes import night_records
from pipelines.night.shared import VARIABLE, is_shared, lanes
from pipelines.night.shared.store import LostError, open_store
from pipelines.night.shared.travel import bring_bundle, bring_lane, bring_paths, files_below, send_paths
from pipelines.records.shared import entries, paths_below

GIT_SECONDS = 120
NEWEST = 2  # versions of a product beside its champion that a person may be asked about


def plan_shared(
    layout: Layout, params: Params, night: str, products: Iterable[str], snapshots: Iterable[str]
) -> dict[str, str]:
    """Send the snapshots that were taken, and say which lanes are stale: ``{product: first changed stage}``."""
    records = night_records(layout)
    try:
        with open_store(layout) as store:
            send_paths(layout, store, records, [layout.snapshot(name) for name in snapshots], night)
            return lanes.stale_by_entries(layout, store, records, params, products)
    finally:
        records.close()


def gather_shared(layout: Layout, products: Iterable[str]) -> None:
    """Bring to this machine what the scoreboard tells and the night's ref keeps: the lock, verdicts, metrics, cards."""
    records = night_records(layout)
    try:
        with open_store(layout) as store:
            known = entries(records)
            lanes.refresh_lock(layout, store.repo, known)
            for product in products:
                lane = {name: entry for name, entry in known.items() if entry.product == product}
                folder = f"{lanes.STATE}lanes/{product}"
                parts: dict[str, Iterable[str]] = {
                    f"{folder}/{stage}": ["verdict.json"] for stage in STAGES if stage not in {"train", "evaluate"}
                }
                parts[f"{folder}/package"] = ["verdict.json", "bundle/card.md", "bundle/manifest.json"]
                parts[f"{folder}/evaluate/result"] = ["verdict.json", "choice.json"]
                parts[f"{folder}/evaluate/metrics.json"] = []
                try:
                    lanes.bring_parts(layout, store, records, lane, parts)
                except LostError as error:
                    print(f"{product}: {error.line()}", flush=True)
    finally:
        records.close()


def pages_of(layout: Layout, night: str, product: str) -> list[str]:
    """Pages of a lane's night, from the root, on whichever machine they were made."""
    records = night_records(layout)
    try:
        return [f"{lanes.STATE}{path}" for path in paths_below(records, f"nights/{night}/{product}")]
    finally:
        records.close()


def bring_page(layout: Layout, path: str) -> bool:
    """Bring one page of a night, for the UI; whether it is here now. ``path`` is below the nights' folder."""
    records = night_records(layout)
    try:
        with open_store(layout) as store:
            return bool(bring_paths(layout, store, records, f"nights/{path}"))
    except NightshiftError:
        return False
    finally:
        records.close()


def push_ref(layout: Layout, night: str) -> str:
    """Send a kept night's ref to the git remote; a clause for a person."""
    ref = f"{git_store.REFS}/{night}"
    command = ["git", "push", "--quiet", "--force", "origin", f"{ref}:{ref}"]
    try:
        done = subprocess.run(
            command, cwd=layout.root, capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the ref was not sent within {GIT_SECONDS} s"
    told = done.stderr.strip().splitlines()
    return f"the ref was not sent: {told[-1] if told else 'no message'}" if done.returncode else "sent to origin"


def bring_product(layout: Layout, product: str, *, lane: bool) -> list[str]:
    """Bring the champion's bundle and the newest two, and the drift windows; the versions that are here now.

    Args:
        lane: also what a comparison with the champion reads.
    """
    from pipelines.records import registry

    records = night_records(layout)
    try:
        with open_store(layout) as store:
            if lane:
                bring_lane(layout, store, records, product)
            newest = [found.version for found in registry.list_versions(records, product)][-NEWEST:]
            wanted = [*newest, *filter(None, (registry.champion(records, product),))]
            for version in dict.fromkeys(wanted):
                bring_bundle(layout, store, records, product, version)
            bring_paths(layout, store, records, f"watch/{product}")
            return [version for version in dict.fromkeys(wanted) if layout.bundle(product, version).is_dir()]
    finally:
        records.close()


def bring_here(layout: Layout, products: Iterable[str]) -> list[str]:
    """:func:`bring_product` for the command line; none named: all. A line per product.

    Raises:
        ConfigError: nights are not shared here, or no such product.
    """
    if not is_shared():
        raise ConfigError("nights are not shared here", where={"variable": VARIABLE}, next_step="set it to `remote`")
    params = load_params(layout.params)
    names = list(products) or list(params.products)
    for name in names:
        params.product(name)
    found = {name: bring_product(layout, name, lane=True) for name in names}
    return [f"{name}: {', '.join(versions) or 'no version yet'}" for name, versions in found.items()]


def bring_champions(layout: Layout) -> list[str]:
    """Bring the bundles of champions that are not here; a line for each."""
    from pipelines.records import registry

    records = night_records(layout)
    try:
        champions = registry.all_champions(records)
        missing = {name: one for name, one in champions.items() if not layout.bundle(name, one).is_dir()}
        if missing:
            with open_store(layout) as store:
                for name, version in missing.items():
                    bring_bundle(layout, store, records, name, version)
        return [f"{name}: {one}" for name, one in missing.items() if layout.bundle(name, one).is_dir()]
    finally:
        records.close()


def keep_bringing(layout: Layout, seconds: float, say: Callable[[str], None]) -> None:
    """:func:`bring_champions` again and again, beside a service; ends with the process."""
    while True:
        try:
            for line in bring_champions(layout):
                say(line)
        except NightshiftError as error:
            say(error.line())
        time.sleep(seconds)


def send_watch(layout: Layout, product: str) -> None:
    """Send the drift windows that this machine has added to."""
    records = night_records(layout)
    try:
        with open_store(layout) as store:
            send_paths(layout, store, records, files_below(layout.state / "watch" / product), "")
    finally:
        records.close()
