"""From labelled rows to a split, features and a fixed schema, past the leakage gate."""

from __future__ import annotations

from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def prepare(step: Step) -> Verdict:
    """Run the prepare stage of the product's kind of problem; see :mod:`pipelines.problems.tabular.preparing`."""
    from pipelines.problems.tabular.preparing import run

    return run(step, derive_for(step.product.columns.features))
