"""What the command line prints for plan, promote, rollback, history, refill and bento."""

from __future__ import annotations

from pathlib import Path

from pipelines.config import load_params
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.store import open_records
from pipelines.release.describing import describe_promotion, describe_verdict


def plan_lines(layout: Layout, product: str, version: str | None) -> tuple[list[str], bool]:
    """Every gate with its numbers, then the conclusion; and whether a promotion would go through."""
    from pipelines.release.promotion import plan

    found = plan(layout, load_params(layout.params), product, version)
    lines = [
        f"challenger {found.challenger.version}  night {found.challenger.night}  {found.challenger.created_at}",
        f"champion   {found.champion or 'none'}",
    ]
    lines += [f"  {name:6} {digest[:16]}" for name, digest in sorted(found.challenger.digests.items())]
    for verdict in found.verdicts:
        lines += describe_verdict(verdict)
    return [*lines, found.line], found.would_promote


def promote_line(layout: Layout, product: str, version: str | None, who: str | None, why: str, force: bool) -> str:
    """The promotion that was made."""
    from pipelines.release.promotion import promote

    return describe_promotion(
        promote(layout, load_params(layout.params), product, version, who=who, why=why, force=force)
    )


def rollback_line(layout: Layout, product: str, version: str | None, who: str | None, why: str) -> str:
    """The rollback that was made."""
    from pipelines.release.promotion import rollback

    return describe_promotion(rollback(layout, load_params(layout.params), product, version, who=who, why=why))


def decline_line(layout: Layout, product: str, version: str, who: str | None, why: str) -> str:
    """The refusal that was recorded."""
    from pipelines.release.approval import decline
    from pipelines.release.promotion import this_user

    return decline(layout, load_params(layout.params), product, version, who or this_user(), why)


def history_lines(layout: Layout, product: str) -> list[str]:
    """Every move of the pointer, newest first, with data, code and parameters of the version that it moved to."""
    from pipelines.release.promotion import APPROVAL

    load_params(layout.params).product(product)
    records = open_records(layout.records_url)
    try:
        past = registry.history(records, product)
        known = {version.version: version for version in registry.list_versions(records, product)}
        current = registry.champion(records, product)
    finally:
        records.close()
    lines = []
    for step in past:
        lines.append(("* " if step is past[0] and step.to_version == current else "  ") + describe_promotion(step))
        digests = known[step.to_version].digests
        lines.append("      " + "  ".join(f"{name} {digests[name][:12]}" for name in sorted(digests)))
    waiting = [version for version in known if version not in {step.to_version for step in past}]
    declined = {name: kept["reason"] for name in known if (kept := known[name].verdicts.get(APPROVAL))}
    lines += [f"  {name} declined by {reason}" for name, reason in declined.items()]
    if waiting:
        lines.append(f"never promoted: {', '.join(waiting)}")
    return lines or [f"{product}: no version is recorded yet; run a night"]


def refill_lines(layout: Layout) -> tuple[list[str], bool]:
    """What the BentoML store holds now; and whether every recorded bundle could be had."""
    from pipelines.release.bento_store import refill

    records = open_records(layout.records_url)
    try:
        done = refill(layout, records)
    finally:
        records.close()
    lines = [*done.tags, *(f"lost {tag}: {reason}" for tag, reason in done.lost.items())]
    return lines or ["no version is recorded yet"], not done.lost


def bento_lines(layout: Layout, products: list[str]) -> list[str]:
    """The Bento that was built."""
    from pipelines.release.bento import build

    built = build(layout, load_params(layout.params), products)
    return [
        f"{built.tag}  with {', '.join(built.models)}",
        f"serve it anywhere with its own pins: bentoml serve {_shown(built.folder)}",
        f"pins: {_shown(built.folder / 'env' / 'python' / 'requirements.txt')}",
    ]


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
