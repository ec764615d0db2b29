"""What a killed DVC can leave unreadable, mended before a night: DVC writes these two files in place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.files import write_text
from pipelines.layout import Layout

EMPTY_LOCK = "schema: '2.0'\n"


def keep_good_lock(layout: Layout) -> None:
    """Keep a copy of a readable ``dvc.lock``, for :func:`repair_dvc`."""
    path = layout.root / "dvc.lock"
    if path.is_file() and _lock_is_readable(path):
        write_text(_good(layout), path.read_text(encoding="utf-8"))


def repair_dvc(layout: Layout) -> list[str]:
    """Mend ``dvc.lock`` and DVC's ``rwlock``; one line for each that was mended. Hold the runner's lock.

    A broken ``dvc.lock`` is moved aside; the last good copy takes its place, or an empty one: DVC then finds the
    finished stages again in its run cache and does not run them anew.
    """
    return [line for line in (_mend_lock(layout), _mend_rwlock(layout.root / ".dvc" / "tmp" / "rwlock")) if line]


def _mend_lock(layout: Layout) -> str:
    path = layout.root / "dvc.lock"
    if not path.is_file() or _lock_is_readable(path):
        return ""
    aside = layout.state / "dvc.lock.broken"
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, aside)
    good = _good(layout)
    known = good.is_file() and _lock_is_readable(good)
    write_text(path, good.read_text(encoding="utf-8") if known else EMPTY_LOCK)
    source = "its last good copy" if known else "an empty one; finished stages come back from DVC's run cache"
    return f"dvc.lock could not be read (a killed dvc?): replaced by {source}, kept as .nightshift/{aside.name}"


def _mend_rwlock(path: Path) -> str:
    """DVC drops locks of processes that are gone, but takes any later process with the same number for the owner."""
    try:
        content = json.loads(path.read_text(encoding="utf-8") or "{}")
        owners = list(_owners(content))
        written = path.stat().st_mtime
    except FileNotFoundError:
        return ""
    except (ValueError, AttributeError, KeyError, TypeError):
        os.unlink(path)
        return "DVC's rwlock could not be read (a killed dvc?): removed"
    reused = [pid for pid in owners if _started_after(pid, written)]
    if not reused or len(reused) < len(owners):
        return ""
    os.unlink(path)
    return f"DVC's rwlock names processes that are gone ({', '.join(map(str, sorted(set(reused))))}): removed"


def _owners(content: Any) -> Iterator[int]:
    for owner in content.get("write", {}).values():
        yield int(owner["pid"])
    for readers in content.get("read", {}).values():
        for reader in readers:
            yield int(reader["pid"])


def _started_after(pid: int, when: float) -> bool:
    """Whether the process is gone, or a later one that has been given the same number."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() > when + 1)
    except psutil.NoSuchProcess:
        return True


def _good(layout: Layout) -> Path:
    return layout.state / "dvc.lock.good"


def _lock_is_readable(path: Path) -> bool:
    import yaml

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    return content is None or (isinstance(content, dict) and isinstance(content.get("stages") or {}, dict))
