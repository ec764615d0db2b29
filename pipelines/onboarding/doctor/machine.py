"""The machine: packages, disk, memory, processors, GPU, clock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.onboarding.doctor.finding import Check, Finding, State

GIB = 1 << 30
LEAST_DISK, ROOMY_DISK = 1 * GIB, 5 * GIB
LEAST_MEMORY, ROOMY_MEMORY = 2 * GIB, 6 * GIB  # a lane and its smoke test need about 3 GiB
SKEW_SECONDS = 2.0
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;#]+)")


def machine_checks(layout: Layout, params: Params | None) -> list[Check]:
    """The checks of this file, bound to a checkout."""
    return [
        partial(environment, layout), partial(disk, layout), memory, partial(processors, params),
        partial(gpu, params), partial(clock, layout),
    ]  # fmt: skip


def environment(layout: Layout) -> Iterator[Finding]:
    """Python and every package that ``requirements.txt`` pins."""
    version = sys.version_info
    if not (3, 11) <= version[:2] < (3, 14):
        yield Finding(
            "python", "mend", f"Python {version[0]}.{version[1]}", "make the environment with Python 3.11-3.13"
        )
    path = layout.root / "requirements.txt"
    if not path.is_file():
        yield Finding("packages", "mend", "requirements.txt is missing", "restore it from git")
        return
    pins = [found.groups() for line in path.read_text(encoding="utf-8").splitlines() if (found := PIN.match(line))]
    wrong = []
    for name, wanted in pins:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed.split("+")[0] != wanted.split("+")[0]:
            wrong.append(f"{name} {installed} instead of {wanted}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        yield Finding("packages", "mend", "; ".join(wrong[:3]) + more, "make setup, or pip install -r requirements.txt")
    else:
        yield Finding("packages", "ok", f"Python {version[0]}.{version[1]}.{version[2]}, {len(pins)} pins hold")


def disk(layout: Layout) -> Iterator[Finding]:
    """Room and permission to write where the state lies."""
    folder = layout.state if layout.state.exists() else layout.root
    free = shutil.disk_usage(folder).free
    shown = f"{free / GIB:.1f} GiB free"
    if free < LEAST_DISK:
        yield Finding("disk", "mend", shown, f"free some: {LEAST_DISK // GIB} GiB at least; caches lie in .dvc/cache")
    else:
        yield Finding("disk", "ok" if free >= ROOMY_DISK else "note", shown)
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding("disk", "mend", f"{folder} cannot be written: {error.strerror}", "mend the folder's permissions")
        return
    files = os.statvfs(folder)
    if files.f_files and files.f_favail < 10_000:
        yield Finding("disk", "mend", f"only {files.f_favail} inodes free", "remove small files on that file system")


def memory() -> Iterator[Finding]:
    """Memory that a night can have, with the limit of a container."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        used = Path("/sys/fs/cgroup/memory.current")
        free = min(free, int(text) - (int(used.read_text()) if used.is_file() else 0))
    shown = f"{free / GIB:.1f} GiB available"
    if free < LEAST_MEMORY:
        yield Finding("memory", "mend", shown, f"end other programs; a night needs {LEAST_MEMORY // GIB} GiB and more")
    else:
        yield Finding("memory", "ok" if free >= ROOMY_MEMORY else "note", shown)


def processors(params: Params | None) -> Iterator[Finding]:
    """CPUs against ``profile.threads``."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = params.profile.threads if params else 1
    state: State = "ok" if there >= wanted else "note"
    mend = "" if there >= wanted else "lower profile.threads: more threads than processors wait for each other"
    yield Finding("processors", state, f"{there}, profile.threads {wanted}", mend)


def gpu(params: Params | None) -> Iterator[Finding]:
    """The GPU, where the profile asks for one."""
    tool = shutil.which("nvidia-smi")
    wanted = params is not None and params.profile.device == "cuda"
    found = ""
    if tool:
        asked = subprocess.run(
            [tool, "--query-gpu=name,memory.free", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        found = asked.stdout.strip().splitlines()[0] if asked.returncode == 0 and asked.stdout.strip() else ""
    if not wanted:
        yield Finding("gpu", "ok", f"profile.device cpu{f'; there is one: {found}' if found else ''}")
        return
    if not found:
        yield Finding("gpu", "mend", "profile.device is cuda, and no GPU answers", "mend the driver, or set it to cpu")
        return
    import torch

    if not torch.cuda.is_available():
        yield Finding(
            "gpu", "mend", f"{found}, but this torch has no CUDA", "install the CUDA build of the pinned torch"
        )
        return
    yield Finding("gpu", "ok", found)


def clock(layout: Layout) -> Iterator[Finding]:
    """The clock against the file system's: a network disk with another clock makes new files look old."""
    folder = layout.state if layout.state.exists() else layout.root
    if time.time() < 1_700_000_000:
        yield Finding("clock", "mend", f"this machine says {time.strftime('%Y-%m-%d')}", "set the clock, start NTP")
    with tempfile.NamedTemporaryFile(dir=folder) as handle:
        handle.write(b"now")
        handle.flush()
        skew = Path(handle.name).stat().st_mtime - time.time()
    state: State = "ok" if abs(skew) <= SKEW_SECONDS else "mend"
    mend = "" if state == "ok" else "bring both clocks together (NTP): DVC and make compare file times"
    yield Finding("clock", state, f"file system and clock are {abs(skew):.1f} s apart", mend)
