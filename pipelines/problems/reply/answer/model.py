"""A packaged model of replies, as the service and the gates ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.files import read_json
from pipelines.models.retrieval import head
from pipelines.problems.base import DeriveFor
from pipelines.problems.reply.answer.answers import as_answer
from pipelines.problems.reply.answer.ranking import Pick, Ranker, picks
from pipelines.problems.reply.core import templates
from pipelines.problems.reply.core.candidates import Proposer
from pipelines.problems.reply.core.dialogue import FIELDS, Situation, complaints, read_row
from pipelines.problems.reply.core.slots import values_of
from pipelines.problems.reply.core.writing import Writer, load_writer


class ReplyModel:
    """Answers situations; see :class:`pipelines.problems.base.Answering`."""

    task = "reply"

    def __init__(self, proposer: Proposer, writer: Writer | None, ranker: Ranker, threshold: float) -> None:
        self._proposer, self._writer, self._ranker, self.threshold = proposer, writer, ranker, threshold
        self.actions = proposer.templates.names
        self.classes: list[Any] = []
        self.fields: Sequence[str] = FIELDS

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One answer per row (:func:`as_answer`); what cannot be answered is handed over, with the reason."""
        return [as_answer(one, self.actions, explain) for one in self.picks([read_row(row) for row in rows])]

    def picks(self, situations: Sequence[Situation]) -> list[Pick]:
        """The picked replies of situations, each by itself: what lies beside it in a request changes nothing."""
        found = []
        for one in situations:
            written = self._writer([one], [values_of(one)]) if self._writer is not None and not one.trouble else [{}]
            found += picks([one], self._proposer.propose([one], written), self._ranker, self.threshold)
        return found

    def complaints(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, str]]:
        """What is wrong with rows that fit the schema, ``(row, field, words)``."""
        return [(place, field, words) for place, row in enumerate(rows) for field, words in complaints(row)]

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """The confidence of each reply ``[n]``."""
        names = list(columns)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return np.array([one.confidence for one in self.picks([read_row(row) for row in rows])], dtype=np.float64)


def load(folder: Path, derive_for: DeriveFor) -> ReplyModel:  # noqa: ARG001 - every problem's signature
    """Read a bundle.

    Raises:
        BundleError: a file is missing, not readable, or does not fit the others.
    """
    return assemble(folder / "choice.json", folder / "export.json")


def assemble(choice: Path, export: Path) -> ReplyModel:
    """From ``choice.json`` and ``export.json``, whose files lie beside it; errors as :func:`load`."""
    try:
        chosen, exported = read_json(choice), read_json(export)
        folders = {member["family"]: export.parent / member["model"] for member in exported["members"]}
        search = folders["retrieval"]
        writer = load_writer(folders["seq2seq"], chosen["decoding"]) if "seq2seq" in folders else None
        ranker, neighbours, threshold = Ranker.from_json(chosen["ranker"]), chosen["neighbours"], chosen["threshold"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"the model of replies is incomplete: {error}", where={"file": export.name}, next_step="pack it again"
        ) from error
    return ReplyModel(Proposer(head.load(search), templates.load(search), neighbours), writer, ranker, float(threshold))
