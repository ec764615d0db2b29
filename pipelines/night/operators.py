"""The three kinds of Airflow task: plan, one step of one lane, scoreboard. Imported by DAG files; thin at import."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, SkipMixin
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from pipelines.config import Params, load_params
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.night.drift import asked_for
from pipelines.night.lane_step import LaneStep, StepResult, note
from pipelines.night.links import LINKS, ProductsLink
from pipelines.night.names import LaneTask, lane_tasks, night_id
from pipelines.night.plan import LanePlan, NightPlan, make_plan, read_plan, write_plan
from pipelines.night.turn import await_turn, give_turn
from pipelines.process import die_with_parent


class PlanOperator(BaseOperator, SkipMixin):  # type: ignore[misc]
    """Takes the snapshots, asks DVC once which lanes are stale, and skips every task of the others at one stroke.

    All tasks of a lane are named, not only its first: then no scheduling round walks down the lane task by task.
    """

    ui_color = "#dfe7f2"
    template_fields: Sequence[str] = ()

    def __init__(self, *, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root

    def execute(self, context: Any) -> None:
        layout, params = _checkout(self.root)
        wanted, drift = context["params"], asked_for(context)
        night, as_of = night_id(context["run_id"]), as_of_day(context)
        products = [*wanted["products"], *drift]
        await_turn(layout, context)
        try:
            plan = make_plan(
                layout, params, night, wanted["data"], products, date.fromisoformat(as_of), wanted["force"], drift
            )
        except NightshiftError as error:
            write_plan(layout, NightPlan(night, as_of, wanted["data"], (), error.line()))
            _say(error.line())
            raise _airflow_error(error.line(), error.transient) from None
        running = plan.to_run()
        for lane in plan.lanes:
            _say(f"{lane.product}: {'runs' if lane.action == 'run' else lane.action}, {lane.reason}")
        idle = [task for name in params.products if name not in running for task in lane_tasks(params, name)]
        known = context["ti"].task.dag.task_dict
        self.skip(context["ti"], [known[task.task_id] for task in idle if task.task_id in known])


class LaneOperator(BaseOperator):  # type: ignore[misc]
    """One step of one lane, in a process group of its own. A blocked gate fails without another try."""

    ui_color = "#e8f3ea"
    template_fields: Sequence[str] = ()

    def __init__(self, *, root: str, product: str, step: str, model: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root
        self.lane_task = LaneTask(product, step, model)
        self.custom_operator_name = "DVC stage" if self.lane_task.dvc_target else "outside DVC"
        self._step: LaneStep | None = None
        self.operator_extra_links = LINKS.get(step, ())

    def execute(self, context: Any) -> None:
        layout, params = _checkout(self.root)
        night = night_id(context["run_id"])
        if self.lane_task.step == "snapshot" and _pinned(layout, night, self.lane_task.product):
            _say("pinned by the plan")
            note(layout, night, self.lane_task, StepResult("passed", "pinned by the plan"))
            return
        die_with_parent()  # Airflow's supervisor: without it nobody would end this step
        timeout = params.night.stage_timeout_minutes * 60.0
        self._step = LaneStep(layout, night, self.lane_task, as_of_day(context), timeout, on_line=_say)
        result = self._step.run()
        if result.status != "passed":
            _say(f"{result.status}: {result.line}")
            raise _airflow_error(result.line, result.status == "failed" and result.transient)

    def on_kill(self) -> None:
        if self._step is not None:
            self._step.end()


class ScoreboardOperator(BaseOperator):  # type: ignore[misc]
    """Gathers what the lanes noted, writes the night's summary and records; fails when a lane failed."""

    ui_color = "#f2ecdf"
    template_fields: Sequence[str] = ()
    operator_extra_links = (ProductsLink(),)

    def __init__(self, *, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root

    def execute(self, context: Any) -> None:
        from pipelines.monitoring.outbox import deliver
        from pipelines.night.collect import tidy
        from pipelines.night.repair import keep_good_lock
        from pipelines.night.reviewing import fill_queues
        from pipelines.night.scoreboard import render
        from pipelines.night.summary import close_night, keep_night

        layout, params = _checkout(self.root)
        night = night_id(context["run_id"])
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[context["run_id"]]).get(context["run_id"], {})
        wanted = context["params"]
        products = [*wanted["products"], *asked_for(context)]
        summary = close_night(layout, params, night, states, wanted["data"], products, as_of_day(context))
        print(keep_night(layout, summary), flush=True)
        keep_good_lock(layout)
        print(*tidy(layout, params), sep="\n", flush=True)
        give_turn(layout, context)
        for line in render(summary).splitlines():
            _say(line)
        fill_queues(layout, params, summary, _say)
        _say(deliver(layout).line())  # mails that a lane could not send, of this night or an earlier one
        if summary.failed:
            raise AirflowFailException(f"{summary.failed} of {len(summary.lanes)} lanes did not pass")


def as_of_day(context: Any) -> str:
    """The day up to which sources are read: the parameter, else the end of the data interval, else the run's time."""
    given = context["params"].get("as_of")
    if given:
        return str(given)
    end = context.get("data_interval_end") or context["dag_run"].run_after
    return str(end.date().isoformat())


def mail_failure(context: Any) -> None:
    """``on_failure_callback`` of a lane's task: one mail with the line that the task ended with."""
    from pipelines.monitoring.mail import send_failure

    operator = context["ti"].task
    layout, params = _checkout(operator.root)
    task: LaneTask | None = getattr(operator, "lane_task", None)
    line = str(context.get("exception") or "failed without a word")
    product, name = (task.product, task.name) if task else ("all", operator.task_id)
    send_failure(layout, params, product, name, line, night_id(context["run_id"]))


def _checkout(root: str) -> tuple[Layout, Params]:
    layout = Layout(Path(root))
    try:
        return layout, load_params(layout.params)
    except NightshiftError as error:
        raise AirflowFailException(error.line()) from None


def _pinned(layout: Layout, night: str, product: str) -> bool:
    plan = read_plan(layout, night)
    lane: LanePlan | None = next((lane for lane in plan.lanes if lane.product == product), None) if plan else None
    return lane is not None and not lane.snapshot


def _airflow_error(line: str, transient: bool) -> AirflowException:
    """Transient: Airflow tries again, as often as params.yaml says. Anything else: no second try."""
    return AirflowException(line) if transient else AirflowFailException(line)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
