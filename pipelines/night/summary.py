"""How a night went: gathered from the lanes' notes and verdicts, written as ``summary.json`` and into the records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipelines.config import Params
from pipelines.errors import NightshiftError
from pipelines.files import read_json
from pipelines.layout import STAGES, Layout
from pipelines.night.lane_step import StepResult, read_note
from pipelines.night.names import PLAN, LaneTask, lane_tasks, summary_file
from pipelines.night.notes import night_records, write_note
from pipelines.night.notes import read_note as read_json_note
from pipelines.night.plan import LanePlan, fingerprints, read_plan, select
from pipelines.night.shared import is_shared
from pipelines.runtime import verdict_folder
from pipelines.verdicts import read_verdict

SUFFIXES = (".html", ".md")
LaneStatus = Literal["passed", "blocked", "failed", "unchanged"]


@dataclass(frozen=True)
class LaneSummary:
    """One lane of one night.

    Attributes:
        status: how it ended.
        message: for a lane that did not pass where it stopped, what happened, and what to do; else empty.
        since: for an unchanged lane the night that last ran it.
        rows: rows fetched; ``quarantined``: rows refused by the contract.
        model: the chosen model or the members of the ensemble.
        metric: ``{"name", "value", "low", "high"}`` of the key metric on the test split.
        gates: ``(gate, verdict)`` in the order in which a model meets them.
        seconds: ``{task: seconds}`` of the tasks that ran.
        cached: tasks that DVC found done already.
        reports: paths, relative to the checkout.
    """

    product: str
    status: LaneStatus
    message: str = ""
    since: str = ""
    rows: int | None = None
    quarantined: int | None = None
    model: str = ""
    metric: dict[str, Any] | None = None
    gates: tuple[tuple[str, str], ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    cached: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()


@dataclass(frozen=True)
class NightSummary:
    """One night. ``error`` is the line of a plan that failed: then no lane ran."""

    night: str
    as_of: str
    data: str
    lanes: tuple[LaneSummary, ...]
    error: str = ""

    @property
    def failed(self) -> int:
        """Lanes that keep the exit status from being 0 (at least 1 when the plan failed)."""
        return max(sum(lane.status in {"failed", "blocked"} for lane in self.lanes), int(bool(self.error)))


def close_night(
    layout: Layout,
    params: Params,
    night: str,
    states: Mapping[str, str | None],
    data: str,
    products: Iterable[str],
    as_of: str,
) -> NightSummary:
    """Gather the night and write it down.

    Args:
        states: ``{task id: Airflow's state}`` of the run.
        data, products, as_of: what the night was asked for, in case the plan failed.
    """
    if is_shared():
        from pipelines.night.shared.nights import gather_shared

        plan = read_plan(layout, night)
        gather_shared(layout, [lane.product for lane in plan.lanes] if plan else [])
    summary = gather(layout, params, night, states, data, products, as_of)
    write_note(layout, summary_file(layout, night), asdict(summary))
    _record(layout, params, summary)
    return summary


def keep_night(layout: Layout, summary: NightSummary) -> str:
    """Keep a closed night on its git ref, its data in the remote; one line. A night is not lost for want of it."""
    from pipelines.night.kept import keep

    ran = any(lane.status != "unchanged" for lane in summary.lanes)
    try:
        return keep(layout, summary.night, asdict(summary), push=ran)
    except NightshiftError as error:
        return f"not kept: {error.line()}"


def read_summary(layout: Layout, night: str) -> NightSummary | None:
    """The summary of a night that has ended, or None."""
    content = read_json_note(layout, summary_file(layout, night))
    if content is None:
        return None
    return NightSummary(**{**content, "lanes": tuple(_lane(lane) for lane in content["lanes"])})


def _lane(content: dict[str, Any]) -> LaneSummary:
    gates = tuple((str(gate), str(status)) for gate, status in content["gates"])
    tuples = {"gates": gates, "cached": tuple(content["cached"]), "reports": tuple(content["reports"])}
    return LaneSummary(**{**content, **tuples})


def gather(
    layout: Layout,
    params: Params,
    night: str,
    states: Mapping[str, str | None],
    data: str,
    products: Iterable[str],
    as_of: str,
) -> NightSummary:
    """As :func:`close_night`, writing nothing."""
    plan = read_plan(layout, night)
    if plan is None or plan.error:
        line = plan.error if plan else "the plan's task ended without a word -> see its log"
        try:
            names = select(params, data, products)
        except NightshiftError:
            names = []
        lost = tuple(LaneSummary(name, "failed", f"{PLAN}: {line}") for name in names)
        return NightSummary(night, as_of, data, lost, line)
    lanes = (
        _ran(layout, params, night, lane, states) if lane.action == "run" else _idle(layout, params, lane)
        for lane in plan.lanes
    )
    return NightSummary(night, plan.as_of, plan.data, tuple(lanes))


def _idle(layout: Layout, params: Params, lane: LanePlan) -> LaneSummary:
    """An unchanged lane shows what the night that last ran it has shown."""
    blocked = lane.action == "blocked"
    before = read_summary(layout, lane.since)
    known = next((old for old in before.lanes if old.product == lane.product), None) if before else None
    if known is None:
        gates = _gates(layout, lane.product, lane_tasks(params, lane.product), {})
        known = LaneSummary(lane.product, "unchanged", gates=gates, **_facts(layout, lane.product))
    return replace(
        known,
        status="blocked" if blocked else "unchanged",
        message=f"unchanged since {lane.since}: {lane.reason}" if blocked else "",
        since=lane.since,
        seconds={},
        cached=(),
    )


def _ran(layout: Layout, params: Params, night: str, lane: LanePlan, states: Mapping[str, str | None]) -> LaneSummary:
    tasks = lane_tasks(params, lane.product)
    notes = {task: found for task in tasks if (found := read_note(layout, night, task))}
    status, message = _ending(tasks, notes, states)
    gates = _gates(layout, lane.product, [task for task in tasks if task in notes], notes)
    return LaneSummary(
        lane.product,
        status,
        message,
        gates=gates,
        seconds={task.name: notes[task].seconds for task in tasks if task in notes},
        cached=tuple(task.name for task in tasks if task in notes and notes[task].facts.get("cached")),
        reports=_reports(layout, night, lane.product, notes),
        **{
            **_facts(layout, lane.product, [task.step for task in notes if notes[task].status != "failed"]),
            **{name: value for found in notes.values() for name, value in found.facts.get("numbers", {}).items()},
        },
    )


def _ending(
    tasks: list[LaneTask], notes: Mapping[LaneTask, StepResult], states: Mapping[str, str | None]
) -> tuple[LaneStatus, str]:
    """The first task that did not pass says how the lane ended."""
    for task in tasks:
        found, state = notes.get(task), states.get(task.task_id)
        if found is not None and found.status != "passed":
            return ("blocked" if found.status == "blocked" else "failed"), f"{task.name}: {found.line}"
        if found is None or state != "success":
            what = f"ended as {state or 'never started'} without a note"
            return "failed", f"{task.name}: {what} -> see the task's log, then start the night again"
    return "passed", ""


def _facts(layout: Layout, product: str, steps: Iterable[str] = STAGES) -> dict[str, Any]:
    """Rows, quarantined, model and metric, as far as the lane's folders have them for this night."""
    steps = set(steps)
    facts: dict[str, Any] = {}
    if "fetch" in steps:
        facts["rows"] = _parquet_rows(layout.stage("fetch", product) / "rows.parquet")
    if "validate" in steps:
        facts["quarantined"] = _parquet_rows(layout.stage("validate", product) / "quarantine.parquet")
    choice = layout.stage("evaluate", product) / "result" / "choice.json"
    if "evaluate" in steps and choice.is_file():
        content = read_json(choice)
        facts["model"] = " + ".join(str(member["model"]) for member in content.get("members", []))
        facts["metric"] = content.get("metric")
    return facts


def _parquet_rows(path: Path) -> int | None:
    if not path.is_file():
        return None
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _gates(
    layout: Layout, product: str, tasks: Iterable[LaneTask], notes: Mapping[LaneTask, StepResult]
) -> tuple[tuple[str, str], ...]:
    """Each stage's verdict, and those of the release; candidates are not gates."""
    gates: dict[str, str] = {}
    for task in tasks:
        if task.dvc_target and task.step not in {"fetch", "train"}:
            folder = verdict_folder(layout, task.step, product)
            if (folder / "verdict.json").is_file():
                verdict = read_verdict(folder)
                gates[verdict.gate] = verdict.status
        found = notes.get(task)
        if found is not None:
            gates |= {str(name): str(status) for name, status in found.facts.get("verdicts", [])}
    return tuple(gates.items())


def _reports(layout: Layout, night: str, product: str, notes: Mapping[LaneTask, StepResult]) -> tuple[str, ...]:
    """Pages of the lane's night folder, then whatever the steps name besides."""
    folder = layout.night(night, product)
    pages = sorted(path.relative_to(layout.root).as_posix() for kind in SUFFIXES for path in folder.rglob(f"*{kind}"))
    if is_shared():
        from pipelines.night.shared.nights import pages_of

        pages = sorted({*pages, *(page for page in pages_of(layout, night, product) if page.endswith(SUFFIXES))})
    named = [str(path) for found in notes.values() for path in found.facts.get("reports", [])]
    return tuple(dict.fromkeys([*pages, *named]))


def _record(layout: Layout, params: Params, summary: NightSummary) -> None:
    from pipelines.records.scoreboard import Lane, end_night, put_lane, start_night

    prints = fingerprints(layout, params, [lane.product for lane in summary.lanes])
    records = night_records(layout)
    try:
        start_night(records, summary.night)
        for lane in summary.lanes:
            numbers = {
                "rows": lane.rows,
                "quarantined": lane.quarantined,
                "model": lane.model,
                "gates": dict(lane.gates),
                "reports": list(lane.reports),
                "fingerprint": prints[lane.product],
                "since": lane.since,
            }
            put_lane(
                records,
                Lane(
                    summary.night,
                    lane.product,
                    lane.status,
                    lane.message,
                    lane.metric,
                    numbers,
                    lane.seconds,
                    _bundle_digest(layout, lane.product),
                ),
            )
        end_night(records, summary.night, "failed" if summary.failed else "passed")
    finally:
        records.close()


def _bundle_digest(layout: Layout, product: str) -> str | None:
    from pipelines.files import sha256_file

    manifest = layout.stage("package", product) / "bundle" / "manifest.json"
    return sha256_file(manifest) if manifest.is_file() else None
