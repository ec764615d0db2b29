"""The queue as a file: JSON lines with every answer, or tasks of Label Studio. The same file again changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.config import Product
from pipelines.errors import DataError
from pipelines.records import review, review_answers
from pipelines.records.review import Ask, Item
from pipelines.records.review_answers import Answer
from pipelines.records.store import Records, now
from pipelines.review.desk import WrongRequestError, read_annotator
from pipelines.review.label_studio import is_task, line_of
from pipelines.review.shown import fit_answer
from pipelines.serving.outcomes import UnfitError

OF_AN_ITEM = ("name", "kind", "key", "source", "why", "shown", "proposed", "given", "similar", "state", "wanted")


@dataclass(frozen=True)
class Imported:
    """``answers`` taken, ``known`` ones that were here already, ``older`` ones left out since the same annotator has
    said something newer here, and new ``items``."""

    answers: int
    known: int
    older: int
    items: int


def export_lines(records: Records, product: str) -> list[dict[str, Any]]:
    """Every item with the whole history of its answers, in the order in which they came."""
    said: dict[int, list[dict[str, Any]]] = {}
    for one in review_answers.history(records, product):
        content = {key: value for key, value in vars(one).items() if key != "item"}
        said.setdefault(one.item, []).append(content)
    return [
        {
            **{key: getattr(item, key) for key in OF_AN_ITEM},
            "created_at": item.created_at,
            "answers": said.get(item.id, []),
        }
        for item in review.items_of(records, product)
    ]


def read_lines(text: str) -> list[dict[str, Any]]:
    """JSON lines, or one JSON list (Label Studio's), as lines of ours.

    Raises:
        DataError: not JSON; names the line.
    """
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise DataError(f"not JSON: {error}", next_step="export it from Label Studio as JSON") from error
        return [line_of(one) if is_task(one) else one for one in found]
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except ValueError as error:
            raise _wrong(number, f"not JSON: {error}") from error
        if not isinstance(content, dict):
            raise _wrong(number, "not an object")
        lines.append(line_of(content) if is_task(content) else content)
    return lines


def import_lines(
    records: Records, block: Product, product: str, classes: Sequence[Any], lines: Sequence[Mapping[str, Any]]
) -> Imported:
    """Take items and answers: all are checked before the first is kept, then all are kept or none.

    Raises:
        DataError: a line that cannot be right; names it.
    """
    items = review.items_of(records, product)
    by_name = {item.name: item for item in items}
    by_key = {(item.kind, item.key): item for item in items}
    asks: dict[str, Ask] = {}
    given: list[tuple[str, dict[str, Any]]] = []
    for number, line in enumerate(lines, start=1):
        name = _name_of(number, line, product, block, by_name, by_key, asks)
        for one in _answers_of(number, line):
            given.append((name, _checked(number, one, block, classes, name)))
    added = review.add_items(records, list(asks.values()))
    ids = {item.name: item.id for item in review.items_of(records, product)}
    history = review_answers.history(records, product)
    known = {one.once for one in history}
    newest = {(one.item, one.annotator): one.at for one in history}
    fresh = [Answer(item=ids[name], **one) for name, one in given if one["once"] not in known]
    current = {(one.item, one.annotator): (one.action, one.answer) for one in history}
    other = [one for one in fresh if (one.action, one.answer) != current.get((one.item, one.annotator))]
    taken = [one for one in other if one.at >= newest.get((one.item, one.annotator), "")]
    review_answers.answer_all(records, sorted(taken, key=lambda one: one.at))
    return Imported(len(taken), len(given) - len(other), len(other) - len(taken), added.added)


def _name_of(
    number: int,
    line: Mapping[str, Any],
    product: str,
    block: Product,
    by_name: Mapping[str, Item],
    by_key: Mapping[tuple[str, str], Item],
    asks: dict[str, Ask],
) -> str:
    """The item that a line is about: by its name, by its key, or a new one made from what is shown."""
    if line.get("name") in by_name:
        return str(line["name"])
    kind, key, shown = line.get("kind", "row"), line.get("key"), line.get("shown")
    if kind not in ("row", "request", "chat") or not isinstance(key, str | int):
        raise _wrong(number, "it names no item: name, or kind and key")
    if isinstance(shown, dict) and shown:
        source = line.get("source", "uncertain")
        known = ("uncertain", "suspect", "low_confidence_production", "disagreement", "contradicting_feedback", "chat")
        if source not in known:
            raise _wrong(number, f"source must be one of {', '.join(known)}")
        ask = Ask(
            product, source, kind, str(key), shown, list(line.get("proposed") or ()), line.get("given"),
            str(line.get("why", "imported")), list(line.get("similar") or ()), 0.0, block.label.review.annotators,
        )  # fmt: skip
        if ask.name not in by_name:
            asks[ask.name] = ask
        return ask.name
    found = by_key.get((kind, str(key)))
    if found is None:
        raise _wrong(number, f"no item {kind} {key!r} is in the queue, and the line does not show it")
    return found.name


def _answers_of(number: int, line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = line.get("answers", [line] if "annotator" in line else [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _wrong(number, "answers must be a list of objects")
    return found


def _checked(number: int, one: Mapping[str, Any], block: Product, classes: Sequence[Any], name: str) -> dict[str, Any]:
    action, sureness, note = one.get("action", "answer"), one.get("sureness"), one.get("note") or ""
    if action not in ("answer", "skip", "retract"):
        raise _wrong(number, "action must be answer, skip or retract")
    if sureness is not None and sureness not in (1, 2, 3):
        raise _wrong(number, "sureness must be 1, 2 or 3")
    try:
        annotator = read_annotator(one)
        value = fit_answer(block, classes, _class_of(one.get("answer"), classes)) if action == "answer" else None
    except (WrongRequestError, UnfitError) as error:
        raise _wrong(number, f"answer {error}" if isinstance(error, UnfitError) else str(error)) from error
    at = str(one.get("at") or now())
    stable = json.dumps([name, annotator, action, value, one.get("at")], sort_keys=True)
    once = str(one.get("once") or f"import-{hashlib.blake2b(stable.encode(), digest_size=16).hexdigest()}")
    return {
        "annotator": annotator,
        "action": action,
        "answer": value,
        "sureness": sureness if action == "answer" else None,
        "note": str(note)[:2000],
        "at": at[:32],
        "once": once[:64],
    }


def _class_of(value: Any, classes: Sequence[Any]) -> Any:
    """A class that a tool has written as text."""
    return next((known for known in classes if isinstance(value, str) and str(known) == value), value)


def _wrong(number: int, what: str) -> DataError:
    return DataError(f"line {number}: {what}", where={"line": number}, next_step="mend that line; nothing was taken")
