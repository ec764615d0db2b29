"""The trained candidates judged, the best or their ensemble chosen, past the quality gate."""

from __future__ import annotations

from pipelines.problems import stage_of
from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def evaluate(step: Step) -> Verdict:
    """Run the evaluate stage of the product's kind of problem."""
    return stage_of(step.product.problem, "evaluate")(step, derive_for(step.product.columns.features))
