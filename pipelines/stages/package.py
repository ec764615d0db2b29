"""From the exported models to one bundle with a manifest."""

from __future__ import annotations

from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def package(step: Step) -> Verdict:
    """Run the package stage of the product's kind of problem; see :mod:`pipelines.problems.tabular.packaging`."""
    from pipelines.problems.tabular.packaging import run

    return run(step, derive_for)
