"""From the exported models to one bundle with a manifest."""

from __future__ import annotations

from pipelines.problems import stage_of
from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def package(step: Step) -> Verdict:
    """Run the package stage of the product's kind of problem."""
    return stage_of(step.product.problem, "package")(step, derive_for(step.product.columns.features))
