"""A packaged model of replies, as the service and the gates ask it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.files import read_json
from pipelines.models.retrieval import head
from pipelines.problems.base import DeriveFor, Listen
from pipelines.problems.reply.answer import judged
from pipelines.problems.reply.answer.answers import as_answer, as_parts
from pipelines.problems.reply.answer.listening import listened
from pipelines.problems.reply.answer.ranking import Pick, Ranker, picks
from pipelines.problems.reply.core import templates
from pipelines.problems.reply.core.candidates import Proposer, bags_of
from pipelines.problems.reply.core.dialogue import FIELDS, Situation, complaints, read_row
from pipelines.problems.reply.core.slots import values_of
from pipelines.problems.reply.core.writing import Writer, load_writer

LIKELY = 3  # next actions that are told before the reply is known


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
        return [self._pick(one) for one in situations]

    def _pick(self, one: Situation, on_step: Callable[[], None] | None = None) -> Pick:
        write = self._writer if not one.trouble else None
        if write is not None and on_step is not None:
            write = listened(write, on_step)
        written = write([one], [values_of(one)]) if write is not None else [{}]
        return picks([one], self._proposer.propose([one], written), self._ranker, self.threshold)[0]

    def tell(self, row: Mapping[str, Any], listen: Listen, explain: bool = False) -> dict[str, Any]:
        """The answer of one row; ``listen`` hears ``action`` (the likely next ones) before anything is written, and
        ``writing`` (tokens so far) at each token. No text of a reply is told: which one is said is known only when all
        are written, ranked and checked."""
        one, tokens = read_row(row), 0

        def count() -> None:
            nonlocal tokens
            tokens += 1
            listen("writing", {"tokens": tokens})

        if not one.trouble:
            listen("action", self._likely(one))
        return as_answer(self._pick(one, count), self.actions, explain)

    def parts(self, answer: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """See :func:`as_parts`."""
        return as_parts(answer)

    def confirmed(self, answer: Mapping[str, Any]) -> str | None:
        """The reply, which a thumb up says was right."""
        return answer.get("reply")

    def doubt(self, row: Mapping[str, Any], answer: Mapping[str, Any], given: Any) -> dict[str, Any]:
        """See :func:`pipelines.problems.reply.answer.judged.doubt`."""
        return judged.doubt(row, answer, given)

    def _likely(self, one: Situation) -> dict[str, Any]:
        head = self._proposer.head
        chances = np.exp(head.log_chances(head.hidden(head.rows(bags_of([one])[0])))[0].astype(np.float64))
        order = np.argsort(-chances, kind="stable")[:LIKELY].tolist()
        likely = [{"action": self.actions[place], "probability": round(float(chances[place]), 6)} for place in order]
        return {**likely[0], "likely": likely}

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
