"""Names that a night is known by: of the night itself, of a lane's tasks, and where each leaves its notes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import Params
from pipelines.layout import Layout

PLAN = "plan"
SCOREBOARD = "scoreboard"
PAGE_PREFIX = "/nightshift"  # of the page inside Airflow's UI
BEFORE_TRAIN = ("fetch", "validate", "label", "prepare")
AFTER_TRAIN = ("evaluate", "export", "package")
CHILD_KINDS = ("snapshot", "release", "watch")
"""Steps outside DVC: not functions of declared inputs alone."""


@dataclass(frozen=True)
class LaneTask:
    """One task of one lane.

    Attributes:
        product: the lane.
        step: ``snapshot``, a stage of ``dvc.yaml``, ``release`` or ``watch``.
        model: the candidate, for train.
    """

    product: str
    step: str
    model: str | None = None

    @property
    def name(self) -> str:
        """Within the lane: ``train_lightgbm``, else the step."""
        return f"{self.step}_{self.model}" if self.model else self.step

    @property
    def task_id(self) -> str:
        return f"{self.product}.{self.name}"

    @property
    def dvc_target(self) -> str | None:
        """``stage@instance``, or None for a step outside DVC."""
        if self.step in CHILD_KINDS:
            return None
        return f"{self.step}@{self.product}-{self.model}" if self.model else f"{self.step}@{self.product}"


def lane_tasks(params: Params, product: str) -> list[LaneTask]:
    """The tasks of one lane in the order in which they may run; candidates side by side in the middle."""
    models = params.candidates_of(product)
    return [
        LaneTask(product, "snapshot"),
        *(LaneTask(product, step) for step in BEFORE_TRAIN),
        *(LaneTask(product, "train", model) for model in models),
        *(LaneTask(product, step) for step in AFTER_TRAIN),
        LaneTask(product, "release"),
        LaneTask(product, "watch"),
    ]


def night_id(run_id: str) -> str:
    """The run id of Airflow as a file name of at most 64 characters: ``manual__2026-11-24T08-30-00.12+00-00``."""
    return re.sub(r"[^A-Za-z0-9._+-]", "-", run_id)[:64].strip(".") or "night"


def plan_file(layout: Layout, night: str) -> Path:
    return layout.night(night) / "plan.json"


def summary_file(layout: Layout, night: str) -> Path:
    return layout.night(night) / "summary.json"


def step_file(layout: Layout, night: str, task: LaneTask) -> Path:
    """What one task noted: seconds, how it ended, and a line."""
    return layout.night(night, task.product) / "steps" / f"{task.name}.json"
