"""The chosen models in the form in which they are served, past the parity gate."""

from __future__ import annotations

from pipelines.problems import stage_of
from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def export(step: Step) -> Verdict:
    """Run the export stage of the product's kind of problem."""
    return stage_of(step.product.problem, "export")(step, derive_for(step.product.columns.features))
