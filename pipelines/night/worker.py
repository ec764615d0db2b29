"""What a task of the night starts: one step of one lane in a process of its own, apart from Airflow's.

``python -m pipelines.night.worker RESULT KIND ARGUMENT...`` writes how it ended to the file RESULT:
``{"status": "passed" | "blocked" | "failed", "line": one line, "transient": bool, "facts": {...}}``.
The exit status says the same: 0, ``EXIT_BLOCKED``, or the error's own.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.config import load_params
from pipelines.errors import EXIT_BLOCKED, EXIT_OK, EXIT_TRANSIENT, NightshiftError
from pipelines.files import write_json, write_text
from pipelines.layout import Layout, find_layout
from pipelines.night.lane_step import blocked_line
from pipelines.night.quick_lock import quick_lock
from pipelines.night.shared import is_shared
from pipelines.runtime import verdict_folder
from pipelines.verdicts import read_verdict


class Outcome(NamedTuple):
    """How a step ended. ``facts`` are what the scoreboard shows; JSON values only."""

    status: str
    line: str
    transient: bool = False
    facts: dict[str, Any] = {}  # noqa: RUF012 - never changed
    exit_code: int = EXIT_OK


def reproduce(layout: Layout, target: str, night: str) -> Outcome:
    """``dvc --wait-for-lock repro -s TARGET``, with DVC's own exceptions instead of its one exit status."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo
    from dvc.stage.exceptions import StageCmdFailedError

    try:
        with quick_lock(), Repo(os.fspath(layout.root), _wait_for_lock=True) as repo:
            repo.scm_context.quiet = True  # no advice about git: nothing of a night belongs there
            ran = repo.reproduce(targets=[target], single_item=True)
    except DvcException as error:
        causes = list(_causes(error))
        command = next((cause for cause in causes if isinstance(cause, StageCmdFailedError)), None)
        if command is not None:
            return _failed_command(target, str(command))
        busy = any(isinstance(cause, LockError) or "is busy" in str(cause) for cause in causes)
        deepest = " ".join(str(causes[-1]).split())
        advice = "it is tried again" if busy else "run `dvc status`, mend what it names, then start the night again"
        return Outcome(
            "failed", f"dvc: {deepest} [{target}] -> {advice}", busy, exit_code=EXIT_TRANSIENT if busy else 1
        )
    publish(layout, target, night)
    return Outcome("passed", "", facts={"cached": not ran})


def publish(layout: Layout, target: str, night: str) -> None:
    """Pages that belong to the night and to no DVC out: the data contract's, and the model card. Never fails a lane."""
    stage, _, product = target.partition("@")
    folder = layout.night(night, product)
    try:
        if stage == "validate":
            from pipelines.validation.docs import render_data_docs

            provenance = layout.stage("fetch", product) / "provenance.json"
            render_data_docs(layout.stage("validate", product), provenance, folder / "data-contract.html")
        card = layout.stage("package", product) / "bundle" / "card.md"
        if stage == "package" and card.is_file():
            write_text(folder / "model-card.md", card.read_text(encoding="utf-8"))
    except Exception as error:
        print(f"the page of {target} could not be written: {type(error).__name__}: {error}", flush=True)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _failed_command(target: str, text: str) -> Outcome:
    """The stage has said what is wrong itself, in the lines above; ``exited with N`` is in DVC's own message."""
    matched = re.search(r"exited with (-?\d+)", text)
    code = int(matched.group(1)) if matched else 1
    if code == EXIT_TRANSIENT:
        return Outcome("failed", "", True, exit_code=code)
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        line = f"killed by signal {number} [{target}] -> look for lack of memory (signal 9), then start the night again"
        return Outcome("failed", line, exit_code=EXIT_BLOCKED)
    return Outcome("failed", "", exit_code=code)


def snapshot(layout: Layout, product: str, as_of: str) -> Outcome:
    """Pin what changes by itself."""
    from pipelines.night.snapshot import take_snapshot

    take_snapshot(layout, load_params(layout.params), product, date.fromisoformat(as_of))
    return Outcome("passed", f"pinned as of {as_of}")


def release(layout: Layout, product: str, night: str) -> Outcome:
    """Smoke, champion, promote."""
    from pipelines.night.plan import read_plan
    from pipelines.release import release as release_product

    plan = read_plan(layout, night)
    drift = any(lane.product == product and lane.drift for lane in plan.lanes) if plan else False
    result = release_product(layout, load_params(layout.params), product, night, after_drift=drift)
    verdicts = [[verdict.gate, verdict.status] for verdict in result.verdicts]
    blocked = [verdict for verdict in result.verdicts if verdict.status == "blocked"]
    facts = {"verdicts": verdicts, "outcome": result.outcome}
    if blocked:
        return Outcome("blocked", f"{blocked[0].gate} {blocked_line(blocked[0])}", facts=facts, exit_code=EXIT_BLOCKED)
    return Outcome("passed", result.line, facts=facts)


def watch(layout: Layout, product: str, night: str, as_of: str) -> Outcome:
    """An answer from the running service, the drift report, the mail."""
    from pipelines.monitoring import watch_day

    result = watch_day(layout, load_params(layout.params), product, night, date.fromisoformat(as_of))
    pages = [path for path in result.reports if path.suffix == ".html"]
    return Outcome("passed", result.line, facts={"reports": _relative(layout, [*pages, result.mailed.path])})


def _relative(layout: Layout, paths: Iterable[Path]) -> list[str]:
    root = layout.root
    return [path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path) for path in paths]


KINDS: dict[str, Callable[..., Outcome]] = {
    "repro": reproduce,
    "snapshot": snapshot,
    "release": release,
    "watch": watch,
}


def perform(kind: str, layout: Layout, arguments: list[str]) -> Outcome:
    """Run one kind of step; every error becomes an outcome with one line."""
    try:
        return _shared(kind, layout, arguments) if is_shared() else KINDS[kind](layout, *arguments)
    except NightshiftError as error:
        code = EXIT_TRANSIENT if error.transient else error.exit_code
        return Outcome("failed", error.line(), error.transient, exit_code=code)
    except Exception as error:
        traceback.print_exc()
        text = " ".join(str(error).split())[:300]
        return Outcome("failed", f"{type(error).__name__}: {text} -> see the traceback in the task's log", exit_code=70)


def _shared(kind: str, layout: Layout, arguments: list[str]) -> Outcome:
    """The step between its inputs' coming and its outputs' going; see :mod:`pipelines.night.shared`."""
    from pipelines.night.shared.steps import SharedStep

    step = SharedStep(layout, kind, arguments)
    try:
        step.before()
        outcome = KINDS[kind](layout, *arguments)
        if outcome.status == "failed":
            return outcome
        numbers = step.after(_verdict(layout, step.target) if kind == "repro" else "")
        return outcome._replace(facts={**outcome.facts, "numbers": numbers})
    finally:
        step.close()


def _verdict(layout: Layout, target: str) -> str:
    stage, _, instance = target.partition("@")
    product, _, model = instance.partition("-") if stage == "train" else (instance, "", "")
    return read_verdict(verdict_folder(layout, stage, product, model or None)).status


def main(arguments: list[str]) -> int:
    """Entry point; see the module."""
    result, kind, *rest = arguments
    layout = find_layout()
    outcome = perform(kind, layout, rest)
    if outcome.line:
        print(f"nightshift: {outcome.line}", flush=True)
    write_json(
        Path(result),
        {
            "status": outcome.status,
            "line": outcome.line,
            "transient": outcome.transient,
            "facts": outcome.facts,
        },
    )
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
