"""The night on one screen: a line per lane, seconds per step, the reports, and a line per lane that did not pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.night.summary import LaneSummary, NightSummary

MARKS = {"passed": "passed", "blocked": "BLOCKED", "failed": "FAILED", "unchanged": "unchanged"}
GATE_MARKS = {"passed": "ok", "blocked": "no", "stood_aside": "-"}
STEPS = (
    "snapshot",
    "fetch",
    "validate",
    "label",
    "prepare",
    "train",
    "evaluate",
    "export",
    "package",
    "release",
    "watch",
)


def render(summary: NightSummary) -> str:
    """The scoreboard as plain text, no wider than its content."""
    parts = [f"Night {summary.night}  ({summary.data} data, as of {summary.as_of})"]
    if summary.lanes:
        head = ("product", "result", "rows", "quarantined", "model", "key metric [interval]", "gates")
        parts.append(table(head, [_lane_row(lane) for lane in summary.lanes], right=(2, 3)))
    timed = [lane for lane in summary.lanes if lane.seconds]
    if timed:
        steps = ("seconds", *STEPS, "sum")
        parts.append(table(steps, [_time_row(lane) for lane in timed], right=tuple(range(1, len(STEPS) + 2))))
        if any(lane.cached for lane in timed):
            parts.append("(n): DVC found the step done already")
    for lane in summary.lanes:
        if lane.reports:
            parts.append("\n".join([f"Reports of {lane.product}:", *(f"  {path}" for path in lane.reports)]))
    lines = [f"{lane.product}: {lane.message}" for lane in summary.lanes if lane.message]
    if summary.error and not lines:
        lines = [f"plan: {summary.error}"]
    if lines:
        parts.append("\n".join(["Not passed:", *(f"  {line}" for line in lines)]))
    return "\n\n".join(parts) + "\n"


def _lane_row(lane: LaneSummary) -> tuple[str, ...]:
    gates = " ".join(f"{gate}:{GATE_MARKS.get(status, status)}" for gate, status in lane.gates)
    return (
        lane.product,
        MARKS[lane.status],
        _count(lane.rows),
        _count(lane.quarantined),
        lane.model or "-",
        metric_text(lane.metric),
        gates or "-",
    )


def metric_text(metric: Mapping[str, Any] | None) -> str:
    """``roc_auc 0.7812 [0.7711, 0.7902]``, or a dash."""
    if not metric or metric.get("value") is None:
        return "-"
    text = f"{metric['name']} {metric['value']:.4f}"
    low, high = metric.get("low"), metric.get("high")
    return text if low is None or high is None else f"{text} [{low:.4f}, {high:.4f}]"


def _time_row(lane: LaneSummary) -> tuple[str, ...]:
    cells = []
    for step in STEPS:
        names = [name for name in lane.seconds if name == step or (step == "train" and name.startswith("train_"))]
        if not names:
            cells.append("-")
            continue
        seconds = f"{sum(lane.seconds[name] for name in names):.1f}"
        cells.append(f"({seconds})" if all(name in lane.cached for name in names) else seconds)
    return (lane.product, *cells, f"{sum(lane.seconds.values()):.1f}")


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns as wide as their widest cell, two spaces apart; ``right``: columns set flush right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *(line(row) for row in rows)])
