"""The champion pointer moved by a person, or looked at before it is: plan, promote, roll back."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.bundle import verify_bundle
from pipelines.config import Params
from pipelines.errors import RecordsError, StageError
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.registry import Promotion, Version
from pipelines.records.store import Records, open_records
from pipelines.release import champion as champion_gate
from pipelines.verdicts import Verdict

APPROVAL = "approval"
"""The gate whose verdict is a person's answer; kept with the version, never asked again by itself."""


@dataclass(frozen=True)
class Plan:
    """What a promotion would do, without doing it.

    Attributes:
        product: the product.
        challenger: the version that would take over.
        champion: the version that answers now, or None.
        verdicts: every gate with its numbers.
        would_promote: whether :func:`promote` would move the pointer.
        line: one line for a person.
    """

    product: str
    challenger: Version
    champion: str | None
    verdicts: tuple[Verdict, ...]
    would_promote: bool
    line: str


def plan(layout: Layout, params: Params, product: str, version: str | None = None) -> Plan:
    """What :func:`promote` would do now.

    Args:
        version: the challenger; None: the version recorded last.

    Raises:
        RecordsError: no version is recorded, or not this one.
    """
    params.product(product)
    records = open_records(layout.records_url)
    try:
        challenger = _challenger(records, product, version)
        current = registry.champion(records, product)
        if current == challenger.version:
            line = f"{product}: version {current} is the champion already; nothing to do"
            return Plan(product, challenger, current, _kept(challenger), False, line)
        compared = champion_gate.compare(
            layout, params, product, challenger.version, current,
            records=records, after_drift=_after_drift(challenger),
        )  # fmt: skip
        kept = tuple(verdict for verdict in _kept(challenger) if verdict.gate != compared.gate)
        verdicts = (*kept, compared)
        refusing = _refusing(verdicts)
        if refusing is None:
            line = f"{product}: {challenger.version} would take over from {current or 'nobody'}"
        else:
            line = f"{product}: {challenger.version} would not take over: {refusing}"
        return Plan(product, challenger, current, verdicts, refusing is None, line)
    finally:
        records.close()


def promote(
    layout: Layout,
    params: Params,
    product: str,
    version: str | None = None,
    *,
    who: str | None = None,
    why: str = "",
    force: bool = False,
) -> Promotion:
    """Move the pointer to a version, as :func:`plan` says.

    Args:
        version: None: the version recorded last.
        who: None: the user of this process.
        why: a sentence for the history.
        force: also against the word of the champion gate; never against that of the smoke gate.

    Raises:
        StageError: a gate says no.
        RecordsError: there is no such version, or the champion has changed meanwhile.
        BundleError: the version's bundle is damaged.
    """
    proposed = plan(layout, params, product, version)
    chosen = proposed.challenger.version
    verify_bundle(layout.bundle(product, chosen), chosen)
    if proposed.champion == chosen:
        raise RecordsError(proposed.line, next_step=f"see `nightshift history {product}`")
    refusing = _refusing(proposed.verdicts, forced=force)
    if refusing is not None:
        raise StageError(
            f"{chosen} is not promoted: {refusing}",
            where={"product": product},
            next_step="train a better one, or say --force with a reason (the smoke gate cannot be forced)",
        )
    reason = why or why_of(proposed.verdicts[-1])
    records = open_records(layout.records_url)
    try:
        return move(
            records, product, chosen, proposed.champion, who=who or this_user(),
            why=f"forced: {reason}" if force else reason, night=None, verdicts=proposed.verdicts,
        )  # fmt: skip
    finally:
        records.close()


def rollback(
    layout: Layout, params: Params, product: str, version: str | None = None, *, who: str | None = None, why: str = ""
) -> Promotion:
    """Point a product at an earlier champion again.

    Args:
        version: None: the champion before the present one.

    Raises:
        RecordsError: there is no earlier champion, or this version never was one.
        BundleError: the version's bundle is damaged.
    """
    params.product(product)
    records = open_records(layout.records_url)
    try:
        past = registry.history(records, product)
        current = registry.champion(records, product)
        to = version or _before(past)
        if to is None or to not in {move.to_version for move in past}:
            raise RecordsError(
                "there is no earlier champion" if version is None else "this version never was the champion",
                where={"product": product, "version": version, "champion": current},
                next_step=f"choose one that `nightshift history {product}` lists",
            )
        verify_bundle(layout.bundle(product, to), to)
        return registry.move_champion(
            records, product, to, kind="rollback", who=who or this_user(), why=why or f"back from {current}",
            expected=current,
        )  # fmt: skip
    finally:
        records.close()


def move(
    records: Records,
    product: str,
    version: str,
    current: str | None,
    *,
    who: str,
    why: str,
    night: str | None,
    verdicts: tuple[Verdict, ...],
) -> Promotion:
    """Move the pointer, with the numbers that the gates saw."""
    numbers = {verdict.gate: verdict.model_dump(mode="json") for verdict in verdicts}
    return registry.move_champion(
        records, product, version, kind="promote", who=who, why=why, expected=current, night=night, numbers=numbers
    )


def _challenger(records: Records, product: str, version: str | None) -> Version:
    known = registry.list_versions(records, product)
    found = [item for item in known if version in (None, item.version)]
    if not found:
        raise RecordsError(
            "no version is recorded" if version is None else "no such version is recorded",
            where={"product": product, "version": version},
            next_step=f"run a night first: nightshift night --product {product}"
            if not known
            else f"choose one of: {', '.join(item.version for item in known[-5:])}",
        )
    return found[-1]


def _kept(version: Version) -> tuple[Verdict, ...]:
    return tuple(Verdict.model_validate(value) for _, value in sorted(version.verdicts.items(), reverse=True))


def _refusing(verdicts: tuple[Verdict, ...], forced: bool = False) -> str | None:
    """Why these verdicts forbid a promotion, or None."""
    by_gate: Mapping[str, Verdict] = {verdict.gate: verdict for verdict in verdicts}
    if "smoke" not in by_gate:
        return "the smoke gate was never asked; run the release step of a night"
    overruled = {APPROVAL, champion_gate.GATE} if forced else {APPROVAL}  # a person's later word counts
    refusing = [verdict for verdict in verdicts if not verdict.passed and verdict.gate not in overruled]
    return refusing[0].line() if refusing else None


def _after_drift(version: Version) -> bool:
    """Whether the night that gated this version was asked for by drift; a later look at it goes by the same rule."""
    kept = version.verdicts.get(champion_gate.GATE) or {}
    return any(check["name"] == champion_gate.AFTER_DRIFT for check in kept.get("checks", ()))


def _before(past: list[Promotion]) -> str | None:
    """The champion before the present one: promotions are stacked, a rollback takes down what lies above its target."""
    stack: list[str] = []
    for step in reversed(past):
        if step.kind == "rollback" and step.to_version in stack:
            while stack[-1] != step.to_version:
                stack.pop()
        else:
            stack.append(step.to_version)
    return stack[-2] if len(stack) > 1 else None


def why_of(verdict: Verdict) -> str:
    """A verdict as the sentence of a history row."""
    details = [check.detail for check in verdict.checks if check.detail]
    return f"{verdict.gate} gate {verdict.status}: {details[0]}" if details else f"{verdict.gate} gate {verdict.status}"


def this_user() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown user"
