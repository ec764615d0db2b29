"""Which lanes run tonight. Asks DVC once, and the records; everything else is skipped without starting a process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

from pipelines.config import Params
from pipelines.errors import BusyError, ConfigError, NightshiftError, StageError
from pipelines.files import canonical_json
from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.names import LaneTask, lane_tasks, plan_file
from pipelines.night.notes import night_records, read_note, write_note
from pipelines.night.shared import is_shared
from pipelines.runtime import verdict_folder
from pipelines.verdicts import read_verdict

DATA_SETS = ("demo", "public", "all")
Action = Literal["run", "unchanged", "blocked"]


@dataclass(frozen=True)
class LanePlan:
    """What is to be done with one lane.

    Attributes:
        action: ``run``; ``unchanged``: nothing to do; ``blocked``: nothing has changed since a gate blocked it.
        reason: why, one clause.
        snapshot: the error of taking the snapshot, one line; empty when it was taken.
        since: for an unchanged lane the night that last ran it.
        drift: what in production has asked for this run; empty for a night by schedule or by hand.
    """

    product: str
    action: Action
    reason: str
    snapshot: str = ""
    since: str = ""
    drift: str = ""


@dataclass(frozen=True)
class NightPlan:
    """The plan of one night: the selected lanes in the order of ``params.yaml``. ``error``: it could not be made."""

    night: str
    as_of: str
    data: str
    lanes: tuple[LanePlan, ...]
    error: str = ""

    def to_run(self) -> set[str]:
        return {lane.product for lane in self.lanes if lane.action == "run"}


def select(params: Params, data: str, products: Iterable[str]) -> list[str]:
    """The lanes of a night: the named products, or all of one set of data.

    Raises:
        ConfigError: an unknown set or product, or no product in this set.
    """
    if data not in DATA_SETS:
        raise ConfigError(f"no set of data {data!r}", next_step=f"choose one of: {', '.join(DATA_SETS)}")
    named = list(dict.fromkeys(products))
    for name in named:
        params.product(name)
    selected = [name for name in params.products if name in named] if named else params.select(data)
    if not selected:
        raise ConfigError(
            f"no product belongs to the {data} data",
            where={"file": "params.yaml"},
            next_step="set data: of a product to it, or choose another set",
        )
    return selected


def make_plan(
    layout: Layout,
    params: Params,
    night: str,
    data: str,
    products: Iterable[str],
    as_of: date,
    force: bool = False,
    drift: Mapping[str, str] = MappingProxyType({}),
) -> NightPlan:
    """Take the snapshots, ask DVC and the records, and write ``plan.json`` of the night.

    A source that fails makes only its own lane fail: the lane runs, and its snapshot task raises.

    Raises:
        NightshiftError: DVC or the records cannot be asked at all.
    """
    from pipelines.records.scoreboard import last_lane, start_night
    from pipelines.records.turns import put_day

    selected = select(params, data, products)
    failed = take_snapshots(layout, params, selected, as_of)
    if is_shared():
        from pipelines.night.shared.nights import plan_shared

        stale = plan_shared(layout, params, night, selected, [name for name in selected if name not in failed])
    else:
        stale = stale_lanes(layout, params, selected)
    prints = fingerprints(layout, params, selected)
    records = night_records(layout)
    try:
        start_night(records, night)
        put_day(records, night, as_of.isoformat(), git_store.head(layout.root))
        lanes = []
        for name in selected:
            last = last_lane(records, name)
            before = (last.status, last.message, dict(last.numbers), last.night) if last else None
            lane = judge(name, failed.get(name, ""), stale.get(name, ""), prints[name], before, force)
            lanes.append(replace(lane, drift=drift.get(name, "")))
    finally:
        records.close()
    plan = NightPlan(night, as_of.isoformat(), data, tuple(lanes))
    write_plan(layout, plan)
    return plan


def write_plan(layout: Layout, plan: NightPlan) -> None:
    """Write ``plan.json`` of the night."""
    write_note(layout, plan_file(layout, plan.night), asdict(plan))


def read_plan(layout: Layout, night: str) -> NightPlan | None:
    """The plan of a night, or None when it was not made."""
    content = read_note(layout, plan_file(layout, night))
    if content is None:
        return None
    return NightPlan(**{**content, "lanes": tuple(LanePlan(**lane) for lane in content["lanes"])})


def judge(
    product: str,
    snapshot: str,
    stale: str,
    fingerprint: str,
    before: tuple[str, str, Mapping[str, Any], str] | None,
    force: bool = False,
) -> LanePlan:
    """The rule, without any input or output.

    Args:
        product: the lane.
        snapshot: error of the snapshot, or empty.
        stale: the first stage that DVC calls changed, or empty.
        fingerprint: of the lane's part of ``dvc.lock``.
        before: status, message, numbers and night of the lane's newest record.
        force: run it all the same.
    """
    if snapshot:
        return LanePlan(product, "run", "the snapshot failed", snapshot=snapshot)
    if stale:
        return LanePlan(product, "run", f"{stale} has changed")
    if before is None:
        return LanePlan(product, "run", "no night has finished it yet")
    status, message, numbers, night = before
    since = str(numbers.get("since") or night)
    if numbers.get("fingerprint") != fingerprint:
        return LanePlan(product, "run", "built, but not yet released and watched")
    if force:
        return LanePlan(product, "run", "asked for")
    if status == "blocked":
        return LanePlan(product, "blocked", message.removeprefix(f"unchanged since {since}: "), since=since)
    if status == "failed":
        return LanePlan(product, "run", f"failed in {since}")
    return LanePlan(product, "unchanged", f"unchanged since {since}", since=since)


def take_snapshots(layout: Layout, params: Params, products: Iterable[str], as_of: date) -> dict[str, str]:
    """Pin every product's source; ``{product: error in one line}`` of those that failed."""
    from pipelines.night.snapshot import take_snapshot

    failed = {}
    for name in products:
        try:
            take_snapshot(layout, params, name, as_of)
        except NightshiftError as error:
            failed[name] = error.line()
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]} -> see the snapshot's log"
    return failed


def stale_lanes(layout: Layout, params: Params, products: Iterable[str]) -> dict[str, str]:
    """``{product: first changed stage}`` of the lanes that DVC would run, asked once for all of them, in process.

    Raises:
        BusyError: another DVC holds the repository or a file.
        StageError: ``dvc.yaml`` or ``dvc.lock`` cannot be read.
    """
    import os

    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(os.fspath(layout.root), _wait_for_lock=True) as repo:
            status = repo.status()  # of everything: with targets DVC collects all stages again for each of them
    except LockError as error:
        raise BusyError(f"DVC is busy: {error}", next_step="wait for the other dvc to end") from error
    except DvcException as error:
        deepest: BaseException = error
        while deepest.__cause__ is not None:
            deepest = deepest.__cause__
        raise StageError(f"DVC cannot tell what has changed: {deepest}", next_step="run `dvc status`") from error
    lanes = {name: first_change(layout, lane_tasks(params, name), set(status)) for name in products}
    return {name: target for name, target in lanes.items() if target}


def first_change(layout: Layout, tasks: Iterable[LaneTask], changed: set[str]) -> str:
    """The first changed stage of a lane, or nothing. Stages behind a gate that blocked wait; they are not stale."""
    for task in tasks:
        target = task.dvc_target
        if target is None:
            continue
        if target in changed:
            return target
        folder = verdict_folder(layout, task.step, task.product, task.model)
        if (folder / "verdict.json").is_file() and read_verdict(folder).status == "blocked":
            return ""
    return ""


def dvc_targets(params: Params, product: str) -> list[str]:
    """The stage instances of one lane, in order."""
    return [task.dvc_target for task in lane_tasks(params, product) if task.dvc_target]


def fingerprints(layout: Layout, params: Params, products: Iterable[str]) -> dict[str, str]:
    """One hash per lane of all that ``dvc.lock`` says about it: the same hash, the same data, code, params and outs."""
    import yaml

    path = layout.root / "dvc.lock"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader) if path.is_file() else {}
    stages = (content or {}).get("stages") or {}
    prints = {}
    for name in products:
        part = {target: stages.get(target) for target in dvc_targets(params, name)}
        prints[name] = hashlib.sha256(canonical_json(part).encode()).hexdigest()
    return prints
