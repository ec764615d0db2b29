"""Lock entries between machines: which stages are stale by them, what a stage reads, and what it has made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.config import Params
from pipelines.errors import StageError
from pipelines.files import write_text
from pipelines.layout import Layout
from pipelines.night.names import lane_tasks
from pipelines.night.quick_lock import block_text, with_blocks
from pipelines.night.shared.store import LostError, Store
from pipelines.process import exclusive
from pipelines.records.shared import LockEntry, entries, forget_entries, paths_below, put_entry
from pipelines.records.store import Records

LOCK = "dvc.lock"
EMPTY_LOCK = "schema: '2.0'\nstages:\n"
STATE = ".nightshift/"
BRING_SECONDS = 1800.0  # one task brings a lane's data at a time; the other then finds it there


def outs_of(entry: LockEntry) -> dict[str, str]:
    """``{path: MD5}`` of a stage's outs."""
    return {str(out["path"]): str(out["md5"]) for out in _content(entry).get("outs", []) if "md5" in out}


def refresh_lock(layout: Layout, repo: Any, known: Mapping[str, LockEntry]) -> None:
    """Make ``dvc.lock`` of this checkout say what the records say of these stages; other blocks stay."""
    path = layout.root / LOCK
    if not known:
        return
    with repo.lock:
        before = path.read_text(encoding="utf-8") if path.is_file() else EMPTY_LOCK
        base = before if "\nstages:\n" in before else EMPTY_LOCK
        source = EMPTY_LOCK + "".join(entry.text for entry in known.values())
        after = with_blocks(base, source, list(known))
        if after != before:
            write_text(path, after)
    repo._reset()


def stages_of(repo: Any) -> dict[str, Any]:
    """``{stage@instance: DVC's stage}``."""
    return {str(stage.addressing): stage for stage in repo.index.stages}


def made_from(stage: Any, known: Mapping[str, LockEntry], snapshots: Mapping[str, str]) -> dict[str, str]:
    """``{path: MD5}`` of all that a stage reads from the state folder: outs of other stages, and its snapshot.

    Args:
        known: entries of the stage's lane.
        snapshots: ``{path: MD5}`` of snapshots, paths from the root.
    """
    others = [entry for name, entry in known.items() if name != stage.addressing]
    made = {path: md5 for entry in others for path, md5 in outs_of(entry).items()} | dict(snapshots)
    wanted = [str(dep.def_path) for dep in stage.deps]
    return {path: md5 for path, md5 in sorted(made.items()) if any(_within(path, dep) for dep in wanted)}


def is_unchanged(stage: Any, entry: LockEntry | None, reads: Mapping[str, str]) -> bool:
    """Whether the entry was made by this command, code, parameters and inputs. The lock must hold the entry."""
    if entry is None or dict(entry.made_from) != dict(reads) or stage.changed_stage():
        return False
    return not any(dep.status() for dep in stage.deps if not str(dep.def_path).startswith(STATE))


def stale_by_entries(
    layout: Layout, store: Store, records: Records, params: Params, products: Iterable[str]
) -> dict[str, str]:
    """``{product: first changed stage}``, as DVC would say it on a machine that had all the data; none is brought."""
    names = list(products)
    known = entries(records, names)
    refresh_lock(layout, store.repo, known)
    found = {}
    with store.repo.lock:
        stages = stages_of(store.repo)
        for name in names:
            lane = {target: entry for target, entry in known.items() if entry.product == name}
            snapshots = {f"{STATE}{path}": md5 for path, md5 in paths_below(records, f"snapshots/{name}").items()}
            for task in lane_tasks(params, name):
                target = task.dvc_target
                if target is None:
                    continue
                if not is_unchanged(stages[target], lane.get(target), made_from(stages[target], lane, snapshots)):
                    found[name] = target
                    break
                if lane[target].verdict == "blocked":
                    break
    return found


def bring_inputs(layout: Layout, store: Store, records: Records, target: str, product: str) -> dict[str, str]:
    """Place all that a stage reads; its own outs too where they are as they would be made. What it reads, by hash.

    Raises:
        LostError: an input is lost; the stage that made it is forgotten, so that the next night runs it again.
        StageError: an input has never been made, or the remote does not answer (transient).
    """
    known = entries(records, [product])
    refresh_lock(layout, store.repo, known)
    stage = stages_of(store.repo)[target]
    snapshots = {f"{STATE}{path}": md5 for path, md5 in paths_below(records, f"snapshots/{product}").items()}
    reads = made_from(stage, known, snapshots)
    for dep in (str(dep.def_path) for dep in stage.deps):
        if dep.startswith(STATE) and not any(_within(path, dep) for path in reads):
            raise StageError(
                "an input of this stage has not been made on any machine",
                where={"stage": target, "input": dep},
                next_step="run the lane from its start: nightshift night --product NAME --force",
            )
    with exclusive(layout.locks / f"bring-{product}.lock", f"bringing data of {product}", BRING_SECONDS):
        place(layout, store, records, known, reads)
        with store.repo.lock:
            same = is_unchanged(stage, known.get(target), reads)
        if same:
            place(layout, store, records, known, outs_of(known[target]))
    return reads


def place(
    layout: Layout, store: Store, records: Records, known: Mapping[str, LockEntry], paths: Mapping[str, str]
) -> None:
    """Bring ``{path: MD5}`` from the remote and put it into the checkout; stages whose outs are lost are forgotten."""
    try:
        store.bring(paths.values())
    except LostError as error:
        forget_entries(records, _makers(store, known, error.hashes))
        raise
    for path, md5 in paths.items():
        store.place(layout.root / path, md5)


def bring_parts(
    layout: Layout, store: Store, records: Records, known: Mapping[str, LockEntry], parts: Mapping[str, Iterable[str]]
) -> None:
    """Copy single files out of outs; what is not there is left out.

    Args:
        parts: ``{path of an out: paths inside it}``; no paths: the out is a file.
    """
    made = {path: md5 for entry in known.values() for path, md5 in outs_of(entry).items()}
    wanted = {path: set(inside) for path, inside in parts.items() if path in made}
    try:
        store.bring([made[path] for path in wanted], {made[path]: inside for path, inside in wanted.items()})
    except LostError as error:
        forget_entries(records, _makers(store, known, error.hashes))
        raise
    for path, inside in wanted.items():
        if not made[path].endswith(".dir"):
            store.place_file(layout.root / path, made[path])
            continue
        files = store.listing(made[path])
        for name in sorted(inside & set(files)):
            store.place_file(layout.root / path / name, files[name])


def send_outs(
    layout: Layout, store: Store, records: Records, target: str, product: str, night: str, reads: Mapping[str, str],
    verdict: str,
) -> None:  # fmt: skip
    """First the data, then the entry: whoever sees the entry finds the data."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    stage = yaml.load((layout.root / LOCK).read_text(encoding="utf-8"), Loader=loader)["stages"][target]
    entry = LockEntry(target, product, night, block_text(target, stage), reads, verdict)
    store.send(outs_of(entry).values())
    if not put_entry(records, entry):
        raise StageError(
            "it is another night's turn: this task was given up long ago",
            where={"stage": target},
            next_step="nothing: the other night's result stands",
        )  # fmt: skip


def _makers(store: Store, known: Mapping[str, LockEntry], hashes: set[str]) -> list[str]:
    """The stages whose outs are, or hold, one of these."""
    found = []
    for name, entry in known.items():
        for md5 in outs_of(entry).values():
            inside = set(store.listing(md5).values()) if md5.endswith(".dir") and store.has(md5) else set()
            if hashes & {md5, *inside}:
                found.append(name)
    return found


def _content(entry: LockEntry) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load(entry.text, Loader=loader)[entry.stage]
    return content


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
