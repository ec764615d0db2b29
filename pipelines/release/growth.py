"""What the challenger costs beside the champion: latency and memory as the smoke gate measured both, size on disk."""

from __future__ import annotations

from pathlib import Path

from pipelines.blocks.operations import Release
from pipelines.files import json_number
from pipelines.verdicts import Check, Verdict

MEASURED = ("latency p50", "latency p99", "memory")
SLACK = {"latency p50": 1.0, "latency p99": 5.0, "memory": 64.0, "bundle size": 1.0}
"""Growth that never counts: ms, ms, MiB and MiB. Nights measure on machines that are busy in different ways."""


def growth(
    release: Release, challenger: Verdict | None, champion: Verdict | None, sizes: tuple[int, int]
) -> list[Check]:
    """One check per cost.

    Args:
        release: the largest growth of each.
        challenger: its smoke verdict, where there is one.
        champion: its smoke verdict, from the night that proved it.
        sizes: bytes of the two bundles, challenger first.
    """
    first, second = _numbers(challenger), _numbers(champion)
    checks = []
    for name in MEASURED:
        if name in first and name in second:
            factor = release.size_growth if name == "memory" else release.latency_growth
            checks.append(_check(name, first[name], second[name], factor, "MiB" if name == "memory" else "ms"))
    mebibytes = [size / (1 << 20) for size in sizes]
    return [*checks, _check("bundle size", mebibytes[0], mebibytes[1], release.size_growth, "MiB")]


def _check(name: str, first: float, second: float, factor: float, unit: str) -> Check:
    limit = max(second * factor, second + SLACK[name])
    return Check(
        name=f"{name} beside the champion",
        ok=first <= limit,
        value=json_number(first, 4),
        limit=json_number(limit, 4),
        unit=unit,
        detail=f"{name}: {first:.3g} {unit}, the champion {second:.3g}; at most {factor:g} times as much",
    )


def _numbers(verdict: Verdict | None) -> dict[str, float]:
    if verdict is None:
        return {}
    return {check.name: check.value for check in verdict.checks if check.value is not None}


def bytes_of(bundle: Path) -> int:
    """Bytes of all files of a bundle."""
    return sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
