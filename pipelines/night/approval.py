"""Tasks around a person's approval: the night's release step says that one waits, the DAG ``promote`` asks and acts.

Imported by DAG files; thin at import.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, AssetAlias, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from pipelines.config import load_params
from pipelines.errors import NightshiftError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.night.child import Child
from pipelines.night.lane_step import read_note
from pipelines.night.names import night_id
from pipelines.night.operators import LaneOperator
from pipelines.process import die_with_parent

PROMOTE_DAG_ID = "promote"
MAY_WAIT = AssetAlias(name="nightshift_may_wait")
"""Outlet of every release step: it has an event of :func:`waits` only when its model waits."""

PROMOTE, KEEP = "Promote", "Keep the champion"
NOBODY = "nobody"


def waits(product: str) -> Asset:
    """Has an event whenever a packaged model of the product waits for a person.

    One asset per product: of events of one asset that come before the scheduler looks, a run is handed the first only.
    """
    return Asset(name=f"nightshift_approval_{product}", uri=f"nightshift://approval/{product}")


class ReleaseOperator(LaneOperator):
    """The release step of a lane. It never waits: where a person must approve, it ends with an asset event."""

    def execute(self, context: Any) -> None:
        super().execute(context)
        layout, night = Layout(Path(self.root)), night_id(context["run_id"])
        noted = read_note(layout, night, self.lane_task)
        if noted is not None and noted.facts.get("outcome") == "waits for approval":
            extra = {"product": self.lane_task.product, "night": night}
            context["outlet_events"][MAY_WAIT].add(waits(self.lane_task.product), extra=extra)


class _ApprovalOperator(BaseOperator):  # type: ignore[misc]
    """Runs ``pipelines.night.approval_worker`` for one product in a process group of its own."""

    template_fields: Sequence[str] = ()

    def __init__(self, *, root: str, product: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root
        self.product = product
        self._child: Child | None = None

    def ask(self, kind: str, *arguments: str) -> dict[str, Any]:
        """The worker's answer.

        Raises:
            AirflowException: a transient error, or the worker was killed: another try may help.
            AirflowFailException: anything else; its line says what to do.
        """
        layout = Layout(Path(self.root))
        try:
            seconds = load_params(layout.params).night.stage_timeout_minutes * 60.0
        except NightshiftError as error:
            raise AirflowFailException(error.line()) from None
        die_with_parent()
        with tempfile.TemporaryDirectory(prefix="nightshift-approval-") as folder:
            result = Path(folder) / "result.json"
            command = [sys.executable, "-m", "pipelines.night.approval_worker", str(result), kind, self.product]
            environment = {**os.environ, "NIGHTSHIFT_ROOT": self.root, "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
            self._child = Child([*command, *arguments], layout.root, environment, seconds, on_line=_say)
            ended = self._child.run()
            if not result.is_file():
                raise AirflowException(f"ended by {ended.code} without a result -> see the task's log")
            answer: dict[str, Any] = read_json(result)
        if "error" in answer:
            raise (AirflowException if answer["transient"] else AirflowFailException)(answer["error"])
        return answer

    def on_kill(self) -> None:
        if self._child is not None:
            self._child.end()


class QuestionOperator(_ApprovalOperator):
    """What a person is to decide about one product; skipped where nothing waits."""

    ui_color = "#dfe7f2"

    def execute(self, context: Any) -> dict[str, Any]:
        if self.product not in asked_for(context):
            raise AirflowSkipException(f"nobody asked about {self.product}")
        found = self.ask("question")
        if not found["open"]:
            raise AirflowSkipException(f"nothing to decide: {found['line']}")
        return {name: found[name] for name in ("version", "champion", "subject", "body")}


class AnswerOperator(_ApprovalOperator):
    """Does what the person said, by the code that the command line uses, and records who it was."""

    ui_color = "#f2ecdf"

    def __init__(self, *, hours: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hours = hours

    def execute(self, context: Any) -> str:
        ti = context["ti"]
        version = ti.xcom_pull(task_ids=f"{self.product}.question")["version"]
        response = ti.xcom_pull(task_ids=f"{self.product}.ask")
        kind, who, why = answer_of(response, self.hours)
        return str(self.ask(kind, version, who, why)["line"])


def answer_of(response: dict[str, Any], hours: float) -> tuple[str, str, str]:
    """``("approve" | "decline", who, why)`` of what the human-in-the-loop operator returned."""
    user = response.get("responded_by_user")
    why = str((response.get("params_input") or {}).get("why") or "").strip()
    if not user:
        return "decline", NOBODY, f"no answer within {hours:g} h"
    who = str(user["name"] or user["id"])[:100] + ", in Airflow"
    return ("approve" if response["chosen_options"] == [PROMOTE] else "decline"), who, why


def asked_for(context: Any) -> list[str]:
    """The products that this run is about: named by hand, else by the night's asset events."""
    given = context["params"].get("product")
    if given:
        return [str(given)]
    events = context.get("triggering_asset_events") or {}
    return [str(event.extra.get("product")) for found in events.values() for event in found]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
