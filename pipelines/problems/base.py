"""What a kind of problem offers: a function per stage, and a packaged model that answers.

A stage is found by name (:func:`pipelines.problems.stage_of`), never imported by another: so the import closure of a
stage is what it runs, and a change to ``evaluate`` trains nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipelines.features.tabular import Derive
from pipelines.step import Step
from pipelines.verdicts import Verdict

DeriveFor = Callable[[str | None], Derive | None]
"""The derived features of a name (``pipelines.products.derive_for``)."""

Listen = Callable[[str, Mapping[str, Any]], None]
"""Takes the name and the data of an event; what it raises ends the work."""


class ProblemStage(Protocol):
    """One stage of one kind of problem."""

    def __call__(self, step: Step, derive: Derive | None) -> Verdict:
        """Run it and leave its outs in ``step.out``; ``derive`` makes the product's own features, or is None."""
        ...


class Answering(Protocol):
    """A packaged model in memory; never changed after it is made, and safe to call from several threads.

    Attributes:
        task: what the scores are, e.g. ``binary``.
        classes: target values in order of their index; empty where there are none.
        fields: raw columns that a row must bring, in order.
    """

    task: str
    classes: list[Any]
    fields: Sequence[str]

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One JSON answer per row, in order; ``explain`` adds ``reasons``. The rows have passed the validator."""
        ...

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Scores of raw columns ``{name: array [n]}``, as the problem's judge reads them."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A model that also tells on the way to its answer: what the service streams."""

    def tell(self, row: Mapping[str, Any], listen: Listen, explain: bool = False) -> dict[str, Any]:
        """The answer of one row, equal to that of ``answer``. ``listen`` hears what is known before the answer is, and
        is called again at every step of a longer work, so that it can end it. Nothing that it hears may be shown as the
        answer."""
        ...

    def parts(self, answer: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """A whole answer, which has passed every check, as events to be sent one after the other."""
        ...


@runtime_checkable
class Judged(Protocol):
    """A model whose answers people judge by a thumb: up confirms, down asks a person."""

    def confirmed(self, answer: Mapping[str, Any]) -> Any:
        """The outcome that a thumb up tells, or None where nothing was answered that could be right."""
        ...

    def doubt(self, row: Mapping[str, Any], answer: Mapping[str, Any], given: Any) -> dict[str, Any]:
        """What a person is asked of a logged answer that was judged wrong: ``shown``, ``proposed``, ``given``, ``why``
        and ``priority`` of an item of the review queue. ``given``: the right outcome, where it was told."""
        ...
