"""Which rows have a label, and how far the labels can be trusted."""

from __future__ import annotations

from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def label(step: Step) -> Verdict:
    """Run the label stage of the product's kind of problem; see :mod:`pipelines.problems.tabular.labelling`."""
    from pipelines.problems.tabular.labelling import run

    return run(step, derive_for(step.product.columns.features))
