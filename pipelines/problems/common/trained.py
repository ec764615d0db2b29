"""What the trained candidates answered on the valid and test rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StageError
from pipelines.files import read_json, read_parquet
from pipelines.verdicts import read_verdict

FloatArray = NDArray[np.float64]

SIMPLEST_FIRST = (
    "statistical",
    "lightgbm",
    "sequence",
    "tabm",
    "linear_text",
    "encoder",
)  # families, by what they cost to train, serve and explain


@dataclass(frozen=True)
class Answers:
    """Scores of one model.

    Attributes:
        model: its name.
        family: its family.
        folder: its train folder.
        rows: int64 ``[m]``, ascending positions in prepare's rows.
        scores: ``[m]`` or ``[m, k]``.
    """

    model: str
    family: str
    folder: Path
    rows: NDArray[np.int64]
    scores: FloatArray

    def at(self, rows: NDArray[np.int64]) -> FloatArray:
        """Scores of these rows, in this order.

        Raises:
            StageError: the model has no answer for one of them.
        """
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        if len(rows) and not np.array_equal(self.rows[places], rows):
            raise StageError(
                "the model's answers are for other rows than prepare's",
                where={"model": self.model},
                next_step="run prepare, train and evaluate again, in that order",
            )
        return self.scores[places]


def read_answers(folders: dict[str, Path]) -> tuple[list[Answers], dict[str, str]]:
    """Answers of the trained candidates, simplest family first, then in the order of params.yaml.

    Args:
        folders: model -> its train folder, in the order of params.yaml.

    Returns:
        The answers, and model -> reason of those that were not trained.

    Raises:
        StageError: a candidate's train stage has not run.
    """
    found, left_out = [], {}
    for model, folder in folders.items():
        verdict = read_verdict(folder)
        if verdict.passed:
            found.append(read_model(model, folder))
        else:
            left_out[model] = verdict.reason
    found.sort(key=lambda answers: SIMPLEST_FIRST.index(answers.family))
    return found, left_out


def read_model(model: str, folder: Path) -> Answers:
    """Answers of one trained model.

    Raises:
        StageError: an answer is not a finite number.
    """
    record = read_json(folder / "model.json")
    frame = read_parquet(folder / "predictions.parquet")
    rows = frame["_row"].to_numpy().astype(np.int64)
    order = np.argsort(rows, kind="stable")
    names = [f"score_{place}" for place in range(len(record["classes"]))]
    several = record["task"] in ("multiclass", "multilabel")
    scores = frame[names if several else "score"].to_numpy().astype(np.float64)
    if not np.isfinite(scores).all():
        raise StageError(
            f"{int((~np.isfinite(scores)).sum())} answers are not finite numbers",
            where={"model": model, "file": "predictions.parquet"},
            next_step="lower the candidate's learning rate, or set its use to never",
        )
    return Answers(model, record["family"], folder, rows[order], scores[order])
