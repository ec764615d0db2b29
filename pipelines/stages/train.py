"""One candidate model of one product."""

from __future__ import annotations

from pipelines.problems import stage_of
from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def train(step: Step) -> Verdict:
    """Run the train stage of the product's kind of problem."""
    return stage_of(step.product.problem, "train")(step, derive_for(step.product.columns.features))
