"""What a night does with a packaged bundle: register it, prove it, and promote it where that is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.registry import Promotion
from pipelines.records.store import Records, open_records
from pipelines.records.turns import day_of
from pipelines.release import champion as champion_gate
from pipelines.release.approval import declined_by
from pipelines.release.promotion import move, why_of
from pipelines.release.registering import register
from pipelines.release.smoke import smoke
from pipelines.verdicts import Verdict

Outcome = Literal["promoted", "already champion", "waits for approval", "champion stays", "blocked"]


@dataclass(frozen=True)
class ReleaseResult:
    """What became of a packaged bundle.

    Attributes:
        product: the product.
        version: the bundle's hash.
        outcome: what was done; ``blocked`` when the smoke gate said no.
        verdicts: the gates that were asked, in order.
        champion: the version that answers now, or None.
        line: one line for a person.
    """

    product: str
    version: str
    outcome: Outcome
    verdicts: tuple[Verdict, ...]
    champion: str | None
    line: str


def release(layout: Layout, params: Params, product: str, night: str, *, after_drift: bool = False) -> ReleaseResult:
    """Register the packaged bundle, let it pass the smoke and the champion gate, and promote it where that is allowed.

    ``after_drift``: drift in production has asked for this retraining; ``release.after_drift`` is then the gate's rule.
    Safe to run again after a kill at any point: the same bundle gives the same version, and the pointer moves once.

    Raises:
        NightshiftError: the bundle is damaged or the records cannot be used; a gate that says no is a result instead.
    """
    records = open_records(layout.records_url)
    try:
        version = register(layout, records, params, product, night).version
        current = registry.champion(records, product)
        if current == version:
            line = f"{product}: version {version} is the champion already"
            return ReleaseResult(product, version, "already champion", (), current, line)
        verdicts = gates(layout, records, params, product, version, current, after_drift)
        return _act(records, params, product, version, current, verdicts, night)
    finally:
        records.close()


def gates(
    layout: Layout,
    records: Records,
    params: Params,
    product: str,
    version: str,
    current: str | None,
    after_drift: bool = False,
) -> tuple[Verdict, ...]:
    """Ask the smoke gate and, when it passes, the champion gate; both words are kept with the version."""
    first = smoke(layout, params, product, layout.bundle(product, version), version)
    registry.add_verdict(records, product, version, first.gate, first.model_dump(mode="json"))
    if not first.passed:
        return (first,)
    second = champion_gate.compare(layout, params, product, version, current, records=records, after_drift=after_drift)
    registry.add_verdict(records, product, version, second.gate, second.model_dump(mode="json"))
    return (first, second)


def _act(
    records: Records,
    params: Params,
    product: str,
    version: str,
    current: str | None,
    verdicts: tuple[Verdict, ...],
    night: str,
) -> ReleaseResult:
    last = verdicts[-1]
    if last.status == "blocked":
        return ReleaseResult(product, version, "blocked", verdicts, current, f"{product}: {last.line()}")
    if not last.passed:
        return ReleaseResult(product, version, "champion stays", verdicts, current, f"{product}: {last.reason}")
    undone = _undone_by(records, product, version)
    if undone is not None:
        line = f"{product}: {version} was taken back by {undone.who} ({undone.why}): only a person may promote it again"
        return ReleaseResult(product, version, "champion stays", verdicts, current, line)
    declined = declined_by(records, product, version)
    if declined is not None:
        line = f"{product}: {version} was declined ({declined}): only a person may promote it"
        return ReleaseResult(product, version, "champion stays", verdicts, current, line)
    days = _older_day(records, product, current, night)
    if days:
        line = f"{product}: {version} knows its source up to {days[0]}, the champion up to {days[1]}: it stays, proved"
        return ReleaseResult(product, version, "champion stays", verdicts, current, line)
    if params.product(product).release.promote == "approval":
        line = f"{product}: version {version} waits for approval: nightshift promote {product}"
        return ReleaseResult(product, version, "waits for approval", verdicts, current, line)
    move(records, product, version, current, who="the night", why=why_of(last), night=night, verdicts=verdicts)
    line = f"{product}: version {version} is the champion" + (f", after {current}" if current else ", the first one")
    return ReleaseResult(product, version, "promoted", verdicts, version, line)


def _older_day(records: Records, product: str, current: str | None, night: str) -> tuple[str, str] | None:
    """The night's day and the champion's, where the night's is older (a backfill); None where either is unknown."""
    champion = registry.find_version(records, product, current) if current else None
    ours, theirs = day_of(records, night), day_of(records, champion.night) if champion else None
    return (ours[0], theirs[0]) if ours and theirs and ours[0] < theirs[0] else None


def _undone_by(records: Records, product: str, version: str) -> Promotion | None:
    """The rollback that last took this version down, unless a person has promoted it since."""
    for step in registry.history(records, product):
        if step.to_version == version:
            return None
        if step.kind == "rollback" and step.from_version == version:
            return step
    return None
