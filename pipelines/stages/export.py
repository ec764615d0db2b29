"""The chosen models in the form in which they are served, past the parity gate."""

from __future__ import annotations

from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def export(step: Step) -> Verdict:
    """Run the export stage of the product's kind of problem; see :mod:`pipelines.problems.tabular.exporting`."""
    from pipelines.problems.tabular.exporting import run

    return run(step, derive_for(step.product.columns.features))
