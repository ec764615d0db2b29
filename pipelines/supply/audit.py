"""Known vulnerabilities of the pinned packages: ``pip-audit`` asks an advisory service, the policy knows what may stay.

An advisory service that cannot be reached is no finding: it is said, and nothing fails for it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.errors import StageError
from pipelines.supply.policy import Policy

UNREACHABLE = re.compile(
    r"Could not connect|(Connection|Proxy|SSL|HTTP|Service)Error|(Connect|Read)Timeout|NameResolution|Max retries"
)
SECONDS = 900


@dataclass(frozen=True)
class Advisory:
    """A known vulnerability of a pinned package; ``fixed`` are versions without it, ``names`` all that it goes by."""

    package: str
    version: str
    names: tuple[str, ...]
    fixed: tuple[str, ...]


@dataclass(frozen=True)
class Audited:
    """``packages`` asked about; ``advisories`` found; ``unreachable`` says why nothing could be asked, or is empty."""

    packages: int = 0
    advisories: tuple[Advisory, ...] = ()
    unreachable: str = ""


def audit(pins: Path, options: Sequence[str] = ()) -> Audited:
    """Ask about every package of a file of pins; nothing is installed or looked up on an index.

    Args:
        options: more for pip-audit, e.g. another service.

    Raises:
        StageError: pip-audit is not installed, or failed otherwise than by the network.
    """
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip", "--format", "json",
        "--progress-spinner", "off", "--vulnerability-service", "osv", "--desc", "off", *options,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return Audited(unreachable=f"no answer within {SECONDS} s")
    try:
        return _read(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        words = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        if UNREACHABLE.search(done.stderr):
            return Audited(unreachable=words[-1].split(": ")[0].rpartition(".")[2][:100])
        raise StageError(
            f"pip-audit failed: {words[-1][:300] if words else f'exit {done.returncode}'}",
            where={"file": pins.name},
            next_step="run `make setup`; then see what `python -m pip_audit -r FILE` says",
        ) from None


def _read(content: dict[str, Any]) -> Audited:
    asked = [item for item in content["dependencies"] if "skip_reason" not in item]
    found = tuple(
        Advisory(item["name"], item["version"], tuple(sorted({one["id"], *one["aliases"]})), tuple(one["fix_versions"]))
        for item in asked
        for one in item["vulns"]
    )
    return Audited(len(asked), found)


def judge(found: Audited, policy: Policy, today: date) -> tuple[list[str], list[str]]:
    """``(what must be mended, what is known and lived with)``, a line each.

    An entry of the policy that is past its day, or that nothing found needs, must be mended too.
    """
    if found.unreachable:
        return [], []
    wrong: list[str] = []
    kept: list[str] = []
    used: set[str] = set()
    for one in found.advisories:
        fixed = f"fixed in {', '.join(one.fixed)}" if one.fixed else "no fixed version yet"
        line = f"{one.package} {one.version}: {', '.join(one.names)}; {fixed}"
        listed = [name for name in one.names if name in policy.advisories]
        used.update(listed)
        known = next(
            (policy.advisories[name] for name in listed if policy.advisories[name].package == one.package), None
        )
        if known is None:
            wrong.append(line)
        elif known.until < today:
            wrong.append(f"{line}; was lived with until {known.until}: {known.reason}")
        else:
            kept.append(f"{line}; until {known.until}: {known.reason}")
    unused = sorted(set(policy.advisories) - used)
    wrong += [f"{name}: in the policy, and no longer found" for name in unused]
    return wrong, kept
