"""What the page asks for: the next item, keeping an answer, taking the last one back. Plain values in and out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from pipelines.config import Params
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.records import review_answers
from pipelines.records.review import Item, counts
from pipelines.records.review_answers import Answer
from pipelines.records.store import Records, now
from pipelines.review.shown import REVIEWED_PROBLEMS, classes_of, displayed, fit_answer
from pipelines.serving.outcomes import UnfitError

MAX_NAME = 64  # characters of an annotator's name
MAX_NOTE = 2000
KEYS = {"annotator", "item", "action", "answer", "sureness", "note", "once"}


class WrongRequestError(ValueError):
    """A request that cannot be right; the text says why."""


@dataclass
class Desk:
    """The queue of one product. Safe to call from several threads."""

    layout: Layout
    params: Params
    product: str
    records: Records

    def session(self, token: str, annotator: str) -> dict[str, Any]:
        """What the page must know before it asks: the product, its classes, and the token that a post must carry."""
        block = self.params.product(self.product)
        kind: Literal["class", "labels", "number", "text"] = "class"
        if block.problem not in REVIEWED_PROBLEMS:
            kind = "text"
        elif block.columns.task == "regression":
            kind = "number"
        elif block.columns.task == "multilabel":
            kind = "labels"
        return {
            "product": self.product,
            "title": block.title,
            "decision": block.requirements.decision,
            "target": block.columns.target,
            "text": block.columns.text,
            "kind": kind,
            "classes": classes_of(self.layout, block, self.product),
            "separator": block.columns.separator,
            "yes": block.columns.positive if block.columns.task == "binary" else None,
            "annotator": annotator,
            "token": token,
        }

    def next(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The next item for an annotator, or None where nothing is left."""
        annotator = read_annotator(body)
        return self._reply(review_answers.next_item(self.records, self.product, annotator), annotator)

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keep an answer or a skip, then the next item. Nothing is said before it is committed.

        Raises:
            WrongRequestError: what was sent cannot be right.
            NightshiftError: it could not be kept.
        """
        annotator = read_annotator(body)
        kept = review_answers.answer(self.records, self.read_answer(body, annotator))
        return {"kept": kept.id, "state": kept.state, **self.next(body)}

    def undo(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take the annotator's last answer back, and show its item again."""
        annotator = read_annotator(body)
        last = review_answers.last_of(self.records, self.product, annotator)
        if last is None:
            return self.next(body)
        taken = Answer(last.item, annotator, "retract", None, None, "", now(), read_once(body))
        review_answers.answer(self.records, taken)
        item = review_answers.item_for(self.records, last.item, annotator)
        before = {"answer": last.answer, "sureness": last.sureness, "note": last.note}
        return {**self._reply(item, annotator), "before": before}

    def read_answer(self, body: Mapping[str, Any], annotator: str) -> Answer:
        """A body as an answer that fits the product.

        Raises:
            WrongRequestError: it does not.
        """
        unknown = sorted(set(body) - KEYS)
        if unknown:
            raise WrongRequestError(f"{unknown[0]!r} is not known")
        item, action = body.get("item"), body.get("action")
        sureness, note = body.get("sureness"), body.get("note", "")
        if type(item) is not int or not 0 < item < 1 << 53:
            raise WrongRequestError("item must be the number of an item")
        if action not in ("answer", "skip"):
            raise WrongRequestError("action must be answer or skip")
        if sureness is not None and (type(sureness) is not int or not 1 <= sureness <= 3):
            raise WrongRequestError("sureness must be 1, 2 or 3")
        if not isinstance(note, str) or len(note) > MAX_NOTE:
            raise WrongRequestError(f"note must be a text of at most {MAX_NOTE} characters")
        value = None
        if action == "answer":
            block = self.params.product(self.product)
            try:
                value = fit_answer(block, classes_of(self.layout, block, self.product), body.get("answer"))
            except UnfitError as error:
                raise WrongRequestError(f"answer {error}") from error
        made = cast(Literal["answer", "skip"], action)
        sure = sureness if action == "answer" else None
        return Answer(item, annotator, made, value, sure, note.strip(), now(), read_once(body))

    def _reply(self, item: Item | None, annotator: str) -> dict[str, Any]:
        left, done = review_answers.left_for(self.records, self.product, annotator)
        states = counts(self.records, self.product).get(self.product, {})
        progress = {"left": left, "done": done, "open": states.get("open", 0), "settled": states.get("settled", 0)}
        return {"item": None if item is None else self._shown(item), "progress": progress}

    def _shown(self, item: Item) -> dict[str, Any]:
        return {
            "id": item.id,
            "kind": item.kind,
            "key": item.key,
            "source": item.source,
            "why": item.why,
            "shown": displayed(self.params, self.product, item.shown),
            "proposed": item.proposed,
            "given": item.given,
            "similar": item.similar,
            "wanted": item.wanted,
        }


def read_annotator(body: Mapping[str, Any]) -> str:
    """The annotator's name.

    Raises:
        WrongRequestError: none, too long, or with control characters.
    """
    name = body.get("annotator")
    name = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise WrongRequestError(f"annotator must be a name of 1 to {MAX_NAME} characters")
    return name


def read_once(body: Mapping[str, Any]) -> str:
    """The name that the page has given to this post.

    Raises:
        WrongRequestError: none, or not 8 to 64 letters, digits and dashes.
    """
    once = body.get("once")
    if (
        not isinstance(once, str)
        or not 8 <= len(once) <= 64
        or not once.replace("-", "").isalnum()
        or not once.isascii()
    ):
        raise WrongRequestError("once must be 8 to 64 letters, digits and dashes")
    return once


def trouble(error: NightshiftError) -> dict[str, Any]:
    """An error as the page shows it."""
    return {"error": error.line(), "transient": error.transient}
