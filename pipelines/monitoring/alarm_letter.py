"""What the alarm mail says: what changed, by how much, since when, what it probably costs, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pipelines.config import Params
from pipelines.monitoring.drift_letter import estimates_text, moved_table, number, percent, prediction_text
from pipelines.monitoring.letter import Facts, Letter, Picture, Section, Steps, Table
from pipelines.monitoring.measured import Measured
from pipelines.monitoring.rounds import Judged
from pipelines.monitoring.words import Language, say
from pipelines.records.alarms import BROKEN, Alarm, Noted

SHARES = frozenset({"data_drift", "broken", "fairness"})
"""Causes whose size is a share."""


def alarm_letter(
    params: Params, noted: Noted, judged: Judged, folder: str, links: Mapping[str, str], pictures: tuple[str, ...]
) -> Letter:
    """The letter about the alarms that a window opened.

    Args:
        folder: where the reports lie, relative to the checkout.
        links: ``service``, ``airflow``, ``reports``: their addresses, those that are known.
        pictures: which of ``timeline``, ``effects`` and ``distributions`` the mail holds.
    """
    language, product, block = params.mail.language, noted.window.product, params.product(noted.window.product)
    names = [cause_text(language, alarm) for alarm in noted.mailed]
    since = min(alarm.first_seen for alarm in noted.mailed)
    sections = [
        Section(say(language, "section_causes"), (_causes(language, noted),)),
        Section(say(language, "section_compared"), (_facts(language, params, noted, judged),)),
    ]
    if judged.verdict.drifted:
        sections.append(Section(say(language, "section_moved"), (moved_table(language, judged.verdict),)))
    if pictures:
        shown = tuple(Picture(name, say(language, f"picture_{name}")) for name in pictures)
        sections.append(Section(say(language, "section_pictures"), shown))
    sections.append(Section(say(language, "section_next"), (_next(language, params, noted, judged, folder),)))
    rows = [
        ("link_report", f"{folder}/report.html"),
        ("link_service", _at(links, "service", f"/v1/products/{product}")),
    ]
    rows.append(("link_airflow", _at(links, "airflow", "/dags/drift_watch")))
    facts = tuple((say(language, key), value) for key, value in rows if value)
    sections.append(Section(say(language, "section_links"), (Facts(facts),)))
    joined = (", " if language == "en" else "、").join(dict.fromkeys(names))
    return Letter(
        subject=f"[Nightshift] {product}: {say(language, 'alarm_subject', causes=joined)}",
        language=language,
        tone="bad",
        title=f"{product}: {say(language, 'alarm_title')}",
        lead=say(
            language,
            "alarm_lead",
            product=block.title,
            since=when(since),
            windows=max(alarm.windows for alarm in noted.mailed),
        ),
        sections=tuple(sections),
        footer=say(
            language,
            "footer_alarm",
            until=when(noted.window.until),
            hours=block.watch.cooldown_hours,
            to=", ".join(params.mail.to),
        ),
    )


def cause_text(language: Language, alarm: Alarm) -> str:
    """A cause in words."""
    return say(language, f"cause_{alarm.kind}", name=[*alarm.cause.split(":"), ""][1])


def when(iso: str) -> str:
    """A UTC ISO time as ``2026-11-24 14:05``."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _causes(language: Language, noted: Noted) -> Table:
    rows = []
    for alarm in (*noted.mailed, *(one for one in noted.open if one not in noted.mailed)):
        effect, limit = (float(alarm.numbers.get(key) or 0.0) for key in ("effect", "limit"))
        shown = percent if alarm.kind in SHARES else number
        size = say(language, "size_text", effect=shown(effect), limit=shown(limit))
        columns = (
            ", ".join(map(str, list(alarm.numbers.get("columns") or ())[:4])) if alarm.kind == "data_drift" else ""
        )
        text = cause_text(language, alarm) + (f"\n{columns}" if columns else "")
        rows.append((text, size, when(alarm.first_seen)))
    return Table(
        (say(language, "column_cause"), say(language, "column_size"), say(language, "column_since")), tuple(rows)
    )


def _facts(language: Language, params: Params, noted: Noted, judged: Judged) -> Facts:
    window, verdict = noted.window, judged.verdict
    block = params.product(window.product)
    span = {"since": when(window.since), "until": when(window.until)}
    rows = [
        (say(language, "fact_product"), f"{block.title}, {window.product}"),
        (say(language, "fact_window"), say(language, "window_span", rows=window.rows, **span)),
        (
            say(language, "fact_reference"),
            say(language, "reference_text", rows=verdict.reference_rows, version=verdict.version),
        ),
        (say(language, "fact_prediction"), prediction_text(language, verdict)),
    ]
    if judged.estimates:
        rows.append((say(language, "fact_estimate"), estimates_text(language, judged.estimates)))
    cost = _cost(language, judged)
    if cost:
        rows.append((say(language, "fact_cost"), cost))
    rows.append((say(language, "fact_measured"), _measured(language, judged.measured)))
    volume = judged.volume
    text = "volume_first" if volume.usual is None else "volume_text"
    rows.append((say(language, "fact_volume"), say(language, text, now=volume.per_hour, usual=volume.usual or 0.0)))
    for gap in judged.gaps:
        if gap.beyond:
            limit, size = percent(gap.limit or 0.0), percent(gap.gap)
            words = say(language, "gap_text", gap=size, highest=gap.highest, lowest=gap.lowest, limit=limit)
            rows.append((say(language, "fact_gap", column=gap.column), words))
    rows.append((say(language, "fact_retrain"), say(language, _retrain(params, noted))))
    return Facts(tuple(rows))


def _cost(language: Language, judged: Judged) -> str:
    """What the estimate says in the currency of the product's costs, a row and an hour."""
    found = next((one for one in judged.estimates if one.name == "cost_per_row"), None)
    if found is None:
        return ""
    if found.window <= found.reference:
        doubt = say(language, "cost_doubt") if judged.measured is not None and judged.measured.worse else ""
        return say(language, "cost_less", window=number(found.window), reference=number(found.reference)) + doubt
    more, rate = found.window - found.reference, judged.volume.per_hour
    return say(language, "cost_text", more=number(more), hour=number(more * rate), rate=rate)


def _measured(language: Language, found: Measured | None) -> str:
    if found is None:
        return say(language, "measured_few")
    numbers = {key: f"{getattr(found, key):.3f}" for key in ("reference", "window", "low", "high")}
    text = say(language, "measured_text", name=found.name, outcomes=found.outcomes, **numbers)
    if found.unobserved < 0.005:
        return text
    parts = ", ".join(percent(part.share) for part in found.parts)
    return text + say(language, "unobserved_text", share=percent(found.unobserved), parts=parts)


def _retrain(params: Params, noted: Noted) -> str:
    if noted.retrain is not None:
        return "retrain_asked"
    if not params.product(noted.window.product).watch.retrain:
        return "retrain_off"
    return "retrain_broken" if any(alarm.kind in BROKEN for alarm in noted.open) else "retrain_later"


def _next(language: Language, params: Params, noted: Noted, judged: Judged, folder: str) -> Steps:
    product, command = noted.window.product, ".venv/bin/nightshift"
    moved = [column.name for column in judged.verdict.drifted if column.role != "prediction"]
    steps = [(say(language, "next_report"), f"{folder}/report.html")] if judged.verdict.columns else []
    if moved:
        named = ", ".join(moved[:4])
        if len(moved) > 4:
            named = say(language, "named_more", names=named, count=len(moved) - 4)
        steps.append((say(language, "next_source", columns=named), ""))
    if noted.retrain is None:
        data = "all" if params.product(product).data == "own" else params.product(product).data
        steps.append((say(language, "next_retrain"), f"{command} night --data {data} --product {product}"))
    if any(alarm.kind in {"measured_loss", "estimated_loss"} for alarm in noted.open):
        steps.append((say(language, "next_rollback"), f"{command} rollback {product}"))
    steps.append((say(language, "next_history"), f"{command} history {product}"))
    steps.append((say(language, "next_again_log"), f"{command} watch {product} --log"))
    return Steps(tuple(steps))


def _at(links: Mapping[str, str], name: str, path: str) -> str:
    return f"{links[name]}{path}" if name in links else ""
