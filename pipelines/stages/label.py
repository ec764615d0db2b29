"""Which rows have a label, and how far the labels can be trusted."""

from __future__ import annotations

from pipelines.problems import stage_of
from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def label(step: Step) -> Verdict:
    """Run the label stage of the product's kind of problem."""
    return stage_of(step.product.problem, "label")(step, derive_for(step.product.columns.features))
