"""Every night is kept: lock, metrics and cards on a git ref of its own, data in the DVC cache and the remote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from pipelines.config import load_params
from pipelines.errors import ConfigError, StageError
from pipelines.files import canonical_json, write_text
from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.quick_lock import stage_names, with_blocks
from pipelines.night.shared import is_shared
from pipelines.process import exclusive

LOCK, SCOREBOARD, METRICS, CARD, MANIFEST = "dvc.lock", "scoreboard.json", "metrics.json", "card.md", "manifest.json"
PUSH_SECONDS = 1800


def keep(layout: Layout, night: str, summary: dict[str, Any], *, push: bool) -> str:
    """Keep a finished night; one line for a person.

    Args:
        summary: the night's scoreboard, JSON values.
        push: also send the data to the DVC remote, where there is one. What cannot be sent now goes with a later night.

    Raises:
        StageError: git refuses.
    """
    if not git_store.has_git(layout.root):
        return "not kept: this is no git checkout"
    lock = layout.root / LOCK
    files = {SCOREBOARD: canonical_json(summary).encode(), "params.yaml": layout.params.read_bytes()}
    if lock.is_file():
        files[LOCK] = lock.read_bytes()
    for product in [str(lane["product"]) for lane in summary["lanes"]]:
        bundle = layout.stage("package", product) / "bundle"
        sources = {
            METRICS: layout.stage("evaluate", product) / METRICS,
            CARD: bundle / CARD,
            MANIFEST: bundle / MANIFEST,
        }
        files |= {f"{product}/{name}": path.read_bytes() for name, path in sources.items() if path.is_file()}
    commit = git_store.write_night(layout.root, night, files, f"night {night}")
    line = f"kept as {git_store.REFS}/{night} ({commit[:12]})"
    if is_shared():  # the data went with each task
        from pipelines.night.shared.nights import push_ref

        return f"{line}; {push_ref(layout, night)}"
    return f"{line}; {_push(layout)}" if push and remote_of(layout) else line


def remote_of(layout: Layout) -> str | None:
    """The name of DVC's default remote, or None."""
    from configparser import ConfigParser

    for name in ("config.local", "config"):
        parser = ConfigParser()
        parser.read(layout.root / ".dvc" / name, encoding="utf-8")
        if parser.has_option("core", "remote"):
            return parser.get("core", "remote")
    return None


def _push(layout: Layout) -> str:
    try:
        done = _dvc(layout, "push", "--quiet")
    except subprocess.TimeoutExpired:
        return f"the data was not sent to the remote within {PUSH_SECONDS} s; the next night tries again"
    if done.returncode:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()
        return f"the data was not sent to the remote ({told[-1] if told else 'no message'}); the next night tries again"
    return f"data sent to remote {remote_of(layout)}"


def nights_lines(layout: Layout, product: str | None = None) -> list[str]:
    """One line per kept night and product: how the lane ended, model, key metric and its change since before."""
    nights = _nights(layout)
    lines: list[str] = []
    before: dict[str, float] = {}
    for kept in nights:
        board = json.loads(git_store.read_file(layout.root, kept.night, SCOREBOARD) or b"{}")
        for lane in board.get("lanes", []):
            if product in {None, lane["product"]}:
                lines.append(f"{kept.night}  code {kept.code[:12] or '-':12}  {_lane_text(lane, before)}")
    return lines or ["no night is kept yet" + (f" for {product}" if product else "")]


def _lane_text(lane: dict[str, Any], before: dict[str, float]) -> str:
    name, metric = str(lane["product"]), lane.get("metric") or {}
    text = f"{name:24} {lane['status']:9} {lane.get('model') or '-':12}"
    value = metric.get("value")
    if isinstance(value, int | float):
        text += f" {metric['name']} {value:.4f}"
        text += f" ({value - before[name]:+.4f})" if name in before else ""
        before[name] = float(value)
    return text.rstrip()


def restore(layout: Layout, night: str, product: str) -> list[str]:
    """Bring a product's lane back to the bytes of a kept night: its blocks of ``dvc.lock``, then its data.

    The present lane stays in the cache. A version of that night can then be promoted by name; the next night, whose
    code or data is another, trains anew.

    Raises:
        ConfigError: no such product. BusyError: a night runs.
        StageError: no such night, it did not have this product, or its data is in neither cache nor remote.
    """
    from pipelines.night.run import RUNNER, runner_lock

    load_params(layout.params).product(product)
    kept = git_store.read_file(layout.root, night, LOCK)
    where = {"night": night, "product": product}
    if kept is None:
        raise StageError("the night kept no dvc.lock", where=where, next_step="choose another: `nightshift nights`")
    text = kept.decode("utf-8")
    names = [name for name in stage_names(text) if _belongs(name, product)]
    if not names:
        raise StageError("the night did not have this product", where=where, next_step="see `nightshift nights`")
    with exclusive(runner_lock(layout), RUNNER):
        lock = layout.root / LOCK
        before = lock.read_text(encoding="utf-8")
        write_text(lock, with_blocks(before, text, names))
        try:
            _check_out(layout, names, where)
        except StageError:
            write_text(lock, before)
            _dvc(layout, "checkout", "--force", "--quiet", *names)  # a checkout that fails has removed what was there
            raise
    manifest = git_store.read_file(layout.root, night, f"{product}/{MANIFEST}")
    found = layout.stage("package", product) / "bundle" / MANIFEST
    if manifest is not None and (not found.is_file() or found.read_bytes() != manifest):
        raise StageError("the restored bundle is not that of the night", where=where, next_step="run `dvc status`")
    return [f"{product}: restored from {night}, {len(names)} stages", *_versions(layout, product)]


def _belongs(stage: str, product: str) -> bool:
    instance = stage.partition("@")[2]
    return instance.partition("-")[0] == product if stage.startswith("train@") else instance == product


def _check_out(layout: Layout, names: Sequence[str], where: dict[str, str]) -> None:
    done = _dvc(layout, "checkout", "--force", "--quiet", *names)
    told = [line for line in done.stderr.splitlines() if line.strip()] if done.returncode else []
    if done.returncode and remote_of(layout):
        try:
            _fetch(layout, names)
        except StageError as error:
            told = [error.what]
        else:
            done = _dvc(layout, "checkout", "--force", "--quiet", *names)
    if done.returncode:
        raise StageError(
            f"the data of the night cannot be brought back: {told[-1] if told else 'no message'}",
            where=where,
            next_step="it is in neither cache nor remote; configure the remote that it was sent to (dvc remote add -d)",
        )


def _fetch(layout: Layout, names: Sequence[str]) -> None:
    """From the remote, every byte checked: what is damaged there is removed there, so that it is sent anew one day."""
    import yaml

    from pipelines.night.shared.store import open_store

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    stages = yaml.load((layout.root / LOCK).read_text(encoding="utf-8"), Loader=loader)["stages"]
    with open_store(layout) as store:
        store.bring(out["md5"] for name in names for out in stages[name].get("outs", []) if "md5" in out)


def _versions(layout: Layout, product: str) -> list[str]:
    from pipelines.bundle import read_manifest

    bundle = layout.stage("package", product) / "bundle"
    if not (bundle / MANIFEST).is_file():
        return []
    version = read_manifest(bundle).version
    return [f"its version is {version}; to serve it: nightshift promote {product} {version}"]


def _nights(layout: Layout) -> list[git_store.KeptNight]:
    if not git_store.has_git(layout.root):
        raise ConfigError("this is no git checkout: no night is kept", next_step="run `git init` and commit")
    return git_store.kept_nights(layout.root)


def _dvc(layout: Layout, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=layout.root,
        capture_output=True,
        text=True,
        timeout=PUSH_SECONDS,
        check=False,
    )
