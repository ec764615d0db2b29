"""What a kind of problem offers: one function per stage of its own, each in a module of its own.

A stage file imports the function of the stage it is, and nothing of the other stages: so the import closure of a
stage is what it runs, and a change to ``evaluate`` trains nothing again.
"""

from __future__ import annotations

from typing import Protocol

from pipelines.features.tabular import Derive
from pipelines.step import Step
from pipelines.verdicts import Verdict


class ProblemStage(Protocol):
    """One stage of one kind of problem."""

    def __call__(self, step: Step, derive: Derive | None) -> Verdict:
        """Run it and leave its outs in ``step.out``; ``derive`` makes the product's own features, or is None."""
        ...
