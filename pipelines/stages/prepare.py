"""From labelled rows to a split, features and a fixed schema, past the leakage gate."""

from __future__ import annotations

from pipelines.problems import stage_of
from pipelines.products import derive_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def prepare(step: Step) -> Verdict:
    """Run the prepare stage of the product's kind of problem."""
    return stage_of(step.product.problem, "prepare")(step, derive_for(step.product.columns.features))
