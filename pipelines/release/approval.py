"""Where a person must approve: the question that is put to them, and what their answer does."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.config import Params
from pipelines.errors import RecordsError
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.store import Records, open_records
from pipelines.release import promotion
from pipelines.release.describing import describe_verdict
from pipelines.release.promotion import APPROVAL
from pipelines.verdicts import Verdict


@dataclass(frozen=True)
class Question:
    """What a person is asked.

    Attributes:
        product: the product.
        version: the challenger.
        champion: the version that answers now, or None.
        subject: one line.
        body: Markdown: every gate with its numbers, as ``nightshift plan`` prints them.
        open: whether there is something to decide.
        line: one line for a log.
    """

    product: str
    version: str
    champion: str | None
    subject: str
    body: str
    open: bool
    line: str


def question(layout: Layout, params: Params, product: str, version: str | None = None) -> Question:
    """What is to be decided about a version (None: the one recorded last).

    It is closed, and no person is asked, when the version is the champion already, was declined, or a gate refuses it.

    Raises:
        RecordsError: no version is recorded, or not this one.
    """
    plan = promotion.plan(layout, params, product, version)
    chosen = plan.challenger.version
    records = open_records(layout.records_url)
    try:
        declined = declined_by(records, product, chosen)
    finally:
        records.close()
    lines = [line for verdict in plan.verdicts for line in describe_verdict(verdict)]
    body = (
        f"**{plan.line}**\n\nNight {plan.challenger.night}, packed {plan.challenger.created_at}.\n\n"
        "```\n" + "\n".join(lines).replace("```", "'''") + "\n```\n\n"
        f"Without an answer the champion stays. Later: `nightshift promote {product} {chosen}`."
    )
    line = plan.line if declined is None else f"{product}: {chosen} was declined ({declined})"
    return Question(
        product=product,
        version=chosen,
        champion=plan.champion,
        subject=f"{params.product(product).title}: may {chosen} take over from {plan.champion or 'nobody'}?",
        body=body,
        open=plan.would_promote and declined is None,
        line=line,
    )


def approve(layout: Layout, params: Params, product: str, version: str, who: str, why: str) -> str:
    """Promote as :func:`pipelines.release.promotion.promote` does; safe to run again after a kill at any point.

    Returns:
        One line for a person.

    Raises:
        NightshiftError: a gate says no, the bundle is damaged, or the champion has changed meanwhile.
    """
    records = open_records(layout.records_url)
    try:
        past = registry.history(records, product)
        if registry.champion(records, product) == version and past[0].to_version == version and past[0].who == who:
            return f"{product}: {version} is the champion, approved by {who}"
    finally:
        records.close()
    step = promotion.promote(layout, params, product, version, who=who, why=why or "approved")
    return f"{product}: {step.to_version} is the champion, approved by {step.who}"


def decline(layout: Layout, params: Params, product: str, version: str, who: str, why: str) -> str:
    """Record that the champion stays; no night asks again about this version, a person may still promote it.

    Raises:
        RecordsError: the version is not recorded, or is the champion.
    """
    params.product(product)
    records = open_records(layout.records_url)
    try:
        if registry.champion(records, product) == version:
            raise RecordsError(
                "this version is the champion",
                where={"product": product, "version": version},
                next_step=f"to go back: nightshift rollback {product}",
            )
        reason = f"{who}: {why}" if why else who
        verdict = Verdict(
            gate=APPROVAL,
            product=product,
            status="stood_aside",
            reason=reason,
            next_step=f"nightshift promote {product} {version}",
        )
        registry.add_verdict(records, product, version, APPROVAL, verdict.model_dump(mode="json"))
        return f"{product}: the champion stays, {version} was declined by {reason}"
    finally:
        records.close()


def declined_by(records: Records, product: str, version: str) -> str | None:
    """Who declined a version and why, or None."""
    known = registry.find_version(records, product, version)
    kept = known.verdicts.get(APPROVAL) if known is not None else None
    return str(kept["reason"]) if kept and kept.get("status") == "stood_aside" else None
