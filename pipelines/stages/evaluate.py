"""The trained candidates judged, the best or their ensemble chosen, past the quality gate."""

from __future__ import annotations

from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def evaluate(step: Step) -> Verdict:
    """Run the evaluate stage of the product's kind of problem; see :mod:`pipelines.problems.tabular.judging`."""
    from pipelines.problems.tabular.judging import run

    return run(step, derive_for(step.product.columns.features))
