"""The checkout: git, DVC and its remote, the suites."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipelines.config import Params
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.onboarding.doctor.finding import Check, Finding

REMOTE_SECONDS = 60


def project_checks(layout: Layout, params: Params | None) -> list[Check]:
    """The checks of this file, bound to a checkout."""
    return [partial(git, layout), partial(suites, layout, params), partial(dvc_remote, layout)]


def git(layout: Layout) -> Iterator[Finding]:
    """DVC needs a git checkout; nights change ``dvc.lock``, which git is told to leave alone."""
    if shutil.which("git") is None:
        yield Finding("git", "mend", "git is missing", "install it: apt-get install git")
        return
    inside = _run(layout, "git", "rev-parse", "--git-dir")
    if inside.returncode:
        yield Finding("git", "mend", "this is no git checkout, and DVC needs one", "git clone the project")
        return
    flag = _run(layout, "git", "ls-files", "-v", "dvc.lock").stdout[:1]
    if flag == "H":
        yield Finding("git", "note", "git watches dvc.lock, which every night changes", "make setup tells it not to")
    else:
        yield Finding("git", "ok", "a checkout; nights leave nothing in git status")


def suites(layout: Layout, params: Params | None) -> Iterator[Finding]:
    """Every product's suite can be read, and what `nightshift new` has left open is said."""
    from pipelines.validation.suite import load_suite

    if params is None:
        return
    broken = 0
    for name, block in params.products.items():
        try:
            load_suite(layout.suite(block.validation.suite))
        except NightshiftError as error:
            broken += 1
            yield Finding("suites", "mend", f"{name}: {error.what}", error.next_step)
        texts = (block.requirements.users, block.requirements.decision)
        if any(text.startswith("CHECK") for text in texts):
            yield Finding(
                "products", "note", f"{name}: requirements are still marked CHECK", "write them in params.yaml"
            )
    if not broken:
        yield Finding("suites", "ok", f"{len(params.products)} can be read")


def dvc_remote(layout: Layout) -> Iterator[Finding]:
    """The default remote: reachable, and writable where it is a folder."""
    config = configparser.ConfigParser()
    config.read([layout.root / ".dvc" / "config", layout.root / ".dvc" / "config.local"], encoding="utf-8")
    if not (layout.root / ".dvc").is_dir():
        yield Finding("dvc", "mend", "there is no .dvc folder", "restore it from git")
        return
    name = config.get("core", "remote", fallback=None)
    if name is None:
        yield Finding("dvc remote", "note", "none: results live on this machine only", "dvc remote add -d NAME URL")
        return
    sections = [section for section in config.sections() if section.strip("'\"") == f'remote "{name}"'.strip("'\"")]
    url = config.get(sections[0], "url", fallback="") if sections else ""
    if not url:
        yield Finding("dvc remote", "mend", f"core.remote is {name!r}, which has no url", f"dvc remote add {name} URL")
        return
    shown = _without_password(url)
    if "://" not in url:
        yield _folder_remote(layout, name, url)
        return
    asked = _run(layout, ".venv/bin/dvc", "status", "--cloud", "--quiet", seconds=REMOTE_SECONDS)
    if asked.returncode == 255:
        last = (asked.stderr.strip().splitlines() or ["no answer"])[-1]
        yield Finding("dvc remote", "mend", f"{name} ({shown}): {last}", "see that it runs and that you may use it")
    else:
        yield Finding("dvc remote", "ok", f"{name} ({shown}) answers")


def _folder_remote(layout: Layout, name: str, url: str) -> Finding:
    folder = Path(url) if Path(url).is_absolute() else (layout.root / ".dvc" / url)
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=nearest):
            pass
    except OSError as error:
        told = f"{name} ({url}) cannot be written: {error.strerror}"
        return Finding("dvc remote", "mend", told, "mount it, or mend its permissions")
    free = shutil.disk_usage(nearest).free / (1 << 30)
    return Finding("dvc remote", "ok" if free > 1 else "note", f"{name} ({url}), {free:.1f} GiB free")


def _without_password(url: str) -> str:
    head, sign, tail = url.partition("://")
    return f"{head}{sign}{tail.rpartition('@')[2]}"


def _run(layout: Layout, *command: str, seconds: int = 20) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(
        command, cwd=layout.root, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
