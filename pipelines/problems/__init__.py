"""Kinds of problems, one package each. A product is configuration; a problem is code.

A problem's package holds one package per stage of its own (``label``, ``prepare``, ``train``, ``evaluate``, ``export``,
``package``), each with ``run.py``; ``core``, what several of them share; and ``answer``, the packaged model as the
service and the gates ask it. What several problems share is in ``common``. ``dvc.yaml`` depends on these folders by the
product's problem, so that a change to one problem never touches another's lanes.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipelines.problems.base import Answering, DeriveFor, Judged, Listen, ProblemStage, Telling

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product
    from pipelines.metrics.judges import Judge

PROBLEMS = ("tabular", "uplift", "forecast", "text", "reply")
STAGES = ("label", "prepare", "train", "evaluate", "export", "package")
FOLDERS = ("answer", "core", *STAGES)


def stage_of(problem: str, stage: str) -> ProblemStage:
    """The function of a stage of a kind of problem."""
    return cast(ProblemStage, importlib.import_module(f"pipelines.problems.{problem}.{stage}.run").run)


def load_answering(problem: str, folder: Path, derive_for: DeriveFor) -> Answering:
    """The model of a bundle of a kind of problem, ready to answer.

    Raises:
        BundleError: a file is missing, not readable, or does not fit the others.
    """
    module = importlib.import_module(f"pipelines.problems.{problem}.answer.model")
    return cast(Answering, module.load(folder, derive_for))


def answers_apart(problem: str, given: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> float:
    """How far two lists of answers of a kind of problem are apart, largest difference of a score; infinite where they
    are not of the same shape or decision."""
    module = importlib.import_module(f"pipelines.problems.{problem}.answer.answers")
    return cast(float, module.largest_difference(given, wanted))


def judge_rows(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, model: Answering) -> Judge:
    """The model's key metric on raw rows with their outcomes; two such judges can be compared.

    Raises:
        BundleError: the model answers for something else than the rows hold.
    """
    module = importlib.import_module(f"pipelines.problems.{product.problem}.evaluate.judge")
    return cast("Judge", module.judge_rows(product, schema, frame, model))


def answered(problem: str, schema: Mapping[str, Any], answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Answers of the service as columns ``{name: [n]}``, named as in ``reference.parquet``; None: no answer."""
    return cast(dict[str, Any], _watched(problem).answered(schema, answers))


def watched(product: Product, bundle: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that are watched, from raw rows with their answers; the same number of rows, in order."""
    return cast("pd.DataFrame", _watched(product.problem).watched(product, bundle, frame))


def watched_roles(product: Product, columns: Sequence[str]) -> dict[str, str]:
    """``{column: "feature" | "protected" | "prediction"}`` of the columns of :func:`watched` that are judged."""
    return cast(dict[str, str], _watched(product.problem).roles(product, columns))


def measured(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, outcomes: Sequence[Any]) -> Judge | None:
    """The key metric on answered rows whose outcomes are known; None where the problem cannot be measured so."""
    module = _watched(product.problem)
    return cast("Judge", module.measured(product, schema, frame, outcomes)) if hasattr(module, "measured") else None


def learned(product: Product, row: Mapping[str, Any], answer: Mapping[str, Any], outcome: Any) -> dict[str, Any]:
    """An answered row whose outcome is known, with the columns that the source has beside what clients send."""
    name = f"pipelines.problems.{product.problem}.answer.judged"
    if importlib.util.find_spec(name) is None:
        return dict(row)
    module = importlib.import_module(name)
    return cast(dict[str, Any], module.learned(product, row, answer, outcome))


def _watched(problem: str) -> Any:
    return importlib.import_module(f"pipelines.problems.{problem}.answer.watched")


__all__ = [
    "FOLDERS",
    "PROBLEMS",
    "STAGES",
    "Answering",
    "DeriveFor",
    "Judged",
    "Listen",
    "ProblemStage",
    "Telling",
    "answered",
    "answers_apart",
    "judge_rows",
    "learned",
    "load_answering",
    "measured",
    "stage_of",
    "watched",
    "watched_roles",
]
