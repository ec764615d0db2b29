"""Which rows have a label, and how far the labels can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from pipelines.problems import stage_of
from pipelines.products import derive_for, functions_for
from pipelines.step import Step
from pipelines.verdicts import Verdict


def label(step: Step) -> Verdict:
    """Run the label stage of the product's kind of problem."""
    run, derive = stage_of(step.product.problem, "label"), derive_for(step.product.columns.features)
    weak = step.product.label.weak
    if weak is None or weak.module is None:
        return run(step, derive)
    return cast(Callable[..., Verdict], run)(step, derive, functions_for(weak.module))
