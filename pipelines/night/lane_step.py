"""One task of one lane, from the Airflow task's side: start the worker, follow it, read the verdict, note the time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipelines.errors import NightshiftError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.night.child import Child, Ended
from pipelines.night.names import LaneTask, step_file
from pipelines.night.notes import read_note as read_json_note
from pipelines.night.notes import write_note
from pipelines.runtime import verdict_folder
from pipelines.verdicts import Verdict, read_verdict

Status = Literal["passed", "blocked", "failed"]


@dataclass(frozen=True)
class StepResult:
    """How one task of one lane ended; also the content of ``steps/<task>.json`` of the night.

    Attributes:
        status: ``blocked`` when a gate said no, ``failed`` when the step could not run to its end.
        line: one line for a person; for a failure what happened, where, and what to do.
        transient: whether another try may help.
        facts: what the scoreboard shows; JSON values.
        started: Unix time, seconds.
        seconds: wall-clock time.
    """

    status: Status
    line: str
    transient: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0
    seconds: float = 0.0


@dataclass
class LaneStep:
    """Runs one task of one lane.

    Args:
        layout: the checkout.
        night: the night's id.
        task: which lane, which step.
        as_of: the day up to which sources are read, ``YYYY-MM-DD``.
        timeout_seconds: after it the step and all it started are ended.
        on_line: where the step's output goes, line by line.
    """

    layout: Layout
    night: str
    task: LaneTask
    as_of: str
    timeout_seconds: float
    on_line: Callable[[str], None] = print
    child: Child | None = None

    def run(self) -> StepResult:
        """Run the step to its end and note the result. Nothing that it started is left, whatever happens."""
        started = time.time()
        answer = step_file(self.layout, self.night, self.task).with_suffix(".result")
        answer.parent.mkdir(parents=True, exist_ok=True)
        answer.unlink(missing_ok=True)
        self.child = Child(
            self._command(answer), self.layout.root, self._environment(), self.timeout_seconds, on_line=self.on_line
        )
        result = StepResult("failed", "stopped from outside -> start the night again")
        try:
            result = self._judge(self.child.run(), answer)
        finally:
            answer.unlink(missing_ok=True)
            result = StepResult(
                result.status,
                result.line,
                result.transient,
                result.facts,
                round(started, 3),
                round(time.time() - started, 3),
            )
            note(self.layout, self.night, self.task, result)
        return result

    def end(self) -> None:
        """End the step and all it started; :meth:`run` returns soon after."""
        if self.child is not None:
            self.child.end()

    def _command(self, answer: Path) -> list[str]:
        product, target = self.task.product, self.task.dvc_target
        outside_dvc = {
            "snapshot": ["snapshot", product, self.as_of],
            "release": ["release", product, self.night],
            "watch": ["watch", product, self.night, self.as_of],
        }
        arguments = ["repro", target, self.night] if target else outside_dvc[self.task.step]
        return [sys.executable, "-m", "pipelines.night.worker", str(answer), *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "NIGHTSHIFT_ROOT": str(self.layout.root),
            "PYTHONUNBUFFERED": "1",
            "PYTHONSAFEPATH": "1",
            "DVC_NO_ANALYTICS": "1",
            "NO_COLOR": "1",
        }

    def _judge(self, ended: Ended, answer: Path) -> StepResult:
        if ended.timed_out:
            minutes = self.timeout_seconds / 60
            advice = "raise night.stage_timeout_minutes in params.yaml, or make the step smaller"
            return StepResult("failed", f"took longer than {minutes:g} min and was ended -> {advice}")
        if ended.stopped or not answer.is_file():
            how = f"signal {-ended.code}" if ended.code < 0 else f"status {ended.code}"
            return StepResult("failed", f"ended by {how} without a result -> start the night again")
        noted = read_json(answer)
        if noted["status"] == "failed":
            line = noted["line"] or _last_words(ended.tail)
            return StepResult("failed", line, bool(noted["transient"]), noted["facts"])
        if noted["status"] == "blocked" or self.task.dvc_target is None:
            return StepResult(noted["status"], noted["line"], False, noted["facts"])
        return self._verdict(noted["facts"])

    def _verdict(self, facts: dict[str, Any]) -> StepResult:
        """A stage that blocked has written so and exited 0: DVC saves no outs of a stage that fails."""
        try:
            verdict = read_verdict(verdict_folder(self.layout, self.task.step, self.task.product, self.task.model))
        except NightshiftError as error:
            return StepResult("failed", error.line(), False, facts)
        facts = {**facts, "verdict": verdict.status}
        if verdict.status == "blocked":
            return StepResult("blocked", blocked_line(verdict), False, facts)
        return StepResult("passed", verdict.line(), False, facts)


def blocked_line(verdict: Verdict) -> str:
    """Why a gate said no and what to do, without the name of the step."""
    advice = f" -> {verdict.next_step}" if verdict.next_step else ""
    return f"blocked: {verdict.reason}{advice}"


def note(layout: Layout, night: str, task: LaneTask, result: StepResult) -> None:
    """Write what the scoreboard will read."""
    write_note(layout, step_file(layout, night, task), asdict(result))


def read_note(layout: Layout, night: str, task: LaneTask) -> StepResult | None:
    """What a task noted, or None: it did not run, or was killed before it could."""
    content = read_json_note(layout, step_file(layout, night, task))
    return StepResult(**content) if content is not None else None


def _last_words(tail: tuple[str, ...]) -> str:
    """The stage's own error line, else the last line that is not DVC's."""
    own = [line.removeprefix("nightshift: ") for line in tail if line.startswith("nightshift: ")]
    if own:
        return own[-1]
    others = [line for line in tail if not line.startswith(("ERROR: failed to reproduce", "Stage ", "Running stage"))]
    return f"{others[-1] if others else 'ended without a word'} -> see the task's log"
