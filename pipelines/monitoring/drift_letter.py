"""What the drift mail says: what moved, by how much, against what, since when, what to do next, where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pipelines.config import Params
from pipelines.monitoring.history import Lasting
from pipelines.monitoring.judge import LEAST_ROWS
from pipelines.monitoring.letter import Facts, Letter, Picture, Section, Steps, Table, Tone
from pipelines.monitoring.verdict import ColumnDrift, DriftVerdict, Estimate
from pipelines.monitoring.words import Language, say

MOST_ROWS = 12
TONES: dict[str, Tone] = {"alarm": "bad", "moved": "warn", "steady": "good", "unjudged": "plain"}


@dataclass(frozen=True)
class Watched:
    """One watched window, as the letter needs it.

    Attributes:
        refused: row position -> why the service refused it.
        lasting: how long the alarm has lasted, if it is one.
        folder: where the reports lie, relative to the checkout.
        estimates: what the probabilities say about the model's quality on the window.
    """

    night: str
    day: date
    verdict: DriftVerdict
    refused: Mapping[int, str]
    lasting: Lasting | None
    folder: str
    estimates: tuple[Estimate, ...] = ()


def drift_letter(params: Params, watched: Watched, pictures: tuple[str, ...]) -> Letter:
    """The letter of one window.

    Args:
        pictures: which of ``effects`` and ``distributions`` the mail holds.
    """
    language, verdict = params.mail.language, watched.verdict
    counts = {"moved": sum(c.drifted for c in verdict.inputs), "inputs": len(verdict.inputs)}
    subject = say(language, f"subject_{verdict.status}", **counts)
    lead = say(language, f"lead_{verdict.status}", day=watched.day, rows=verdict.window_rows, least=LEAST_ROWS)
    shown = tuple(Picture(name, say(language, f"picture_{name}")) for name in pictures)
    sections = [Section(say(language, "section_compared"), (_facts(language, params, watched),))]
    if verdict.drifted:
        sections.append(Section(say(language, "section_moved"), (moved_table(language, verdict),)))
    if shown:
        sections.append(Section(say(language, "section_pictures"), shown))
    sections.append(Section(say(language, "section_next"), (_next(language, params, watched),)))
    return Letter(
        subject=f"[Nightshift] {verdict.product}: {subject} ({watched.day})",
        language=language,
        tone=TONES[verdict.status],
        title=f"{verdict.product}: {say(language, f'title_{verdict.status}')}",
        lead=lead,
        sections=tuple(sections),
        footer=say(language, "footer", night=watched.night, to=", ".join(params.mail.to)),
    )


def _facts(language: Language, params: Params, watched: Watched) -> Facts:
    verdict = watched.verdict
    moved, inputs = sum(column.drifted for column in verdict.inputs), len(verdict.inputs)
    title = params.product(verdict.product).title
    rows = [
        ("fact_product", f"{title}, {verdict.product}"),
        ("fact_window", say(language, "window_text", rows=verdict.window_rows, day=watched.day)),
        ("fact_reference", say(language, "reference_text", rows=verdict.reference_rows, version=verdict.version)),
    ]
    if verdict.status != "unjudged":
        limits = verdict.limits
        share = say(
            language,
            "share_text",
            moved=moved,
            inputs=inputs,
            share=percent(verdict.drifted_share),
            limit=percent(limits.share),
        )
        rule = say(language, "rule_text", effect=limits.effect, significance=limits.significance)
        rows += [("fact_share", share), ("fact_prediction", prediction_text(language, verdict)), ("fact_rule", rule)]
    if watched.estimates:
        rows.append(("fact_estimate", estimates_text(language, watched.estimates)))
    if watched.refused:
        rows.append(("fact_refused", _refused(language, watched)))
    if watched.lasting is not None and watched.lasting.windows > 1:
        text = say(language, "since_text", day=watched.lasting.since, windows=watched.lasting.windows)
        rows.append(("fact_since", text))
    return Facts(tuple((say(language, key), value) for key, value in rows))


def prediction_text(language: Language, verdict: DriftVerdict) -> str:
    """Whether the predictions have moved, and by how much."""
    predictions = [column for column in verdict.columns if column.role == "prediction" and column.effect is not None]
    if not predictions:
        return say(language, "prediction_none")
    worst = max(predictions, key=lambda column: (column.drifted, column.effect or 0.0))
    numbers = {"effect": f"{worst.effect:.2f}", "limit": f"{verdict.limits.effect:g}"}
    if not worst.drifted:
        noisy = (worst.effect or 0.0) >= verdict.limits.effect
        return say(language, "prediction_noise" if noisy else "prediction_still", **numbers)
    return say(language, "prediction_moved", change=change(language, worst).replace("\n", "; "), **numbers)


def estimates_text(language: Language, estimates: tuple[Estimate, ...]) -> str:
    """Each measure, before and now, and how far that can be trusted."""
    lines = [
        say(
            language,
            "estimate_worse" if found.worse else "estimate_still",
            name=found.name,
            a=f"{found.reference:.3f}",
            b=f"{found.window:.3f}",
        )
        for found in estimates
    ]
    return "; ".join(lines) + " " + say(language, "estimate_tail")


def _refused(language: Language, watched: Watched) -> str:
    rows, count = watched.verdict.window_rows, len(watched.refused)
    example = next(iter(watched.refused.values()))
    return say(language, "refused_text", count=count, rows=rows, share=percent(count / rows), example=example)


def moved_table(language: Language, verdict: DriftVerdict) -> Table:
    """The moved columns, the worst first; at most ``MOST_ROWS``."""
    moved = verdict.drifted
    rows = tuple(
        (
            column.name if column.role != "prediction" else f"{column.name} ({say(language, 'prediction')})",
            "-" if column.effect is None else f"{column.effect:.2f}",
            change(language, column),
        )
        for column in moved[:MOST_ROWS]
    )
    note = say(language, "more_columns", count=len(moved) - MOST_ROWS) if len(moved) > MOST_ROWS else ""
    return Table((say(language, "column"), say(language, "effect"), say(language, "change")), rows, note)


def change(language: Language, column: ColumnDrift) -> str:
    """What changed in one column, one line per sign."""
    lines = []
    if "distribution" in column.signs and column.reference_mean is not None and column.window_mean is not None:
        line = say(language, "mean", a=number(column.reference_mean), b=number(column.window_mean))
        before, now = number(column.reference_median or 0.0), number(column.window_median or 0.0)
        lines.append(line + (", " + say(language, "median", a=before, b=now) if before != now else ""))
    elif "distribution" in column.signs:
        lines.append(
            "; ".join(f"{c.name}: {percent(c.reference)} → {percent(c.window)}" for c in column.categories[:3])
        )
    if "missing" in column.signs:
        before, now = percent(column.missing_reference), percent(column.missing_window)
        lines.append(say(language, "missing", a=before, b=now))
    if "unseen" in column.signs:
        names = ", ".join(name[:30] for name in column.unseen_names)
        lines.append(say(language, "unseen", names=names, share=percent(column.unseen)))
    return "\n".join(lines)


def _next(language: Language, params: Params, watched: Watched) -> Steps:
    verdict = watched.verdict
    report = (say(language, "next_report"), f"{watched.folder}/report.html")
    again = f".venv/bin/nightshift watch {verdict.product} --as-of {watched.day}"
    if verdict.status == "unjudged":
        return Steps(((say(language, "next_rows", least=LEAST_ROWS), ""), (say(language, "next_back"), again)))
    if verdict.status == "steady":
        return Steps(((say(language, "next_nothing"), ""), report))
    columns = [column.name for column in verdict.drifted if column.role != "prediction"] or ["-"]
    named = ", ".join(columns[:4])
    if len(columns) > 4:
        named = say(language, "named_more", names=named, count=len(columns) - 4)
    own = params.product(verdict.product).data == "own"
    data = "all" if own else params.product(verdict.product).data
    return Steps(
        (
            report,
            (say(language, "next_source", columns=named), ""),
            (say(language, "next_retrain"), f".venv/bin/nightshift night --data {data} --product {verdict.product}"),
            (say(language, "next_back"), again),
        )
    )


def percent(share: float) -> str:
    """A share for a person: one decimal below 10%."""
    return f"{100 * share:.1f}%" if share < 0.0995 else f"{100 * share:.0f}%"


def number(value: float) -> str:
    """A number for a person: three significant digits, whole thousands in full."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
