"""One candidate model of one product."""

from __future__ import annotations

from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def train(step: Step) -> Verdict:
    """Run the train stage of the product's kind of problem; see :mod:`pipelines.problems.tabular.training`."""
    from pipelines.problems.tabular.training import run

    return run(step, derive_for(step.product.columns.features))
