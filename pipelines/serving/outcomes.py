"""A feedback request: true outcomes of answered rows, checked against what the product's model answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipelines.problems import Judged
from pipelines.records.feedback import Feedback, FeedbackResult
from pipelines.serving.answers import Reply, find, read_json_body, refusal, wrong_items
from pipelines.serving.validate import MAX_PROBLEMS, Problem

if TYPE_CHECKING:
    from pipelines.serving.loaded import Loaded

KEYS = ("request_id", "row", "outcome")
THUMB = "thumb"  # in place of an outcome, where the product's model is ``Judged``
UP, DOWN = object(), object()
THUMBS = {"up": UP, "down": DOWN}
MAX_ID = 64  # characters of a request id
MAX_TEXT = 4000  # characters of an outcome that is a text
WANTED = 'send {"request_id": "...", "row": 0, "outcome": ...}, or a list of such'


class UnfitError(ValueError):
    """An outcome that this product cannot have; the text says why."""


def read_outcomes(
    current: Mapping[str, Loaded], product: str, content_type: str, raw: bytes, max_items: int, at: str, client: str
) -> tuple[list[Feedback], bool] | Reply:
    """Read and check a feedback request.

    Returns:
        The outcomes and whether one alone was sent, not a list; or the refusal, as
        :func:`pipelines.serving.answers.read_call` makes them.
    """
    loaded = find(current, product)
    if isinstance(loaded, Reply):
        return loaded
    body = read_json_body(content_type, raw, WANTED)
    if isinstance(body, Reply):
        return body
    alone = isinstance(body, dict)
    items = [body] if alone else body
    if not isinstance(items, list) or not items:
        return refusal(400, f"the body must be an object or a list of at least one: {WANTED}")
    if len(items) > max_items:
        return refusal(413, f"{len(items)} outcomes; at most {max_items} per request")
    told = loaded.schema.get("outcomes", loaded.schema.get("classes")) or []
    fits = outcome_check(loaded.schema.get("task"), told, str(loaded.schema.get("separator", ";")))
    problems: list[Problem] = []
    found: list[Feedback] = []
    for place, item in enumerate(items):
        read = _item(place, item, fits, isinstance(loaded.model, Judged))
        if isinstance(read, Problem):
            problems.append(read)
            if len(problems) >= MAX_PROBLEMS:
                break
        else:
            found.append(Feedback(read[0], read[1], product, read[2], at, client or None))
    return wrong_items("item", problems) if problems else (found, alone)


def _item(place: int, item: Any, fits: Callable[[Any], Any], judged: bool) -> tuple[str, int, Any] | Problem:
    if not isinstance(item, dict):
        return Problem(place, None, f"an item is an object: {WANTED}")
    allowed = (*KEYS, THUMB) if judged else KEYS
    for key in item:
        if key not in allowed:
            return Problem(place, key[:48], f"is not known; allowed: {', '.join(allowed)}")
    thumb = judged and THUMB in item
    if thumb and "outcome" in item:
        return Problem(place, THUMB, "an outcome was sent too: send one of both")
    if thumb and (not isinstance(item[THUMB], str) or item[THUMB] not in THUMBS):
        return Problem(place, THUMB, "must be 'up' or 'down'")
    for key in ("request_id", THUMB if thumb else "outcome"):
        if key not in item:
            return Problem(place, key, "is missing")
    request_id, row = item["request_id"], item.get("row", 0)
    if not isinstance(request_id, str) or not 0 < len(request_id) <= MAX_ID or not request_id.isascii():
        return Problem(place, "request_id", "must be the request_id of an answer")
    if type(row) is float and row.is_integer():  # JSON does not tell 1.0 from 1
        row = int(row)
    if type(row) is not int or not 0 <= row < 1 << 31:
        return Problem(place, "row", "must be the row's place in its request, from 0")
    try:
        return request_id.replace("\0", ""), row, THUMBS[item[THUMB]] if thumb else fits(item["outcome"])
    except UnfitError as error:
        return Problem(place, "outcome", str(error))


def outcome_check(task: str | None, classes: list[Any], separator: str = ";") -> Callable[[Any], Any]:
    """A function that gives an outcome as it is kept (one of ``classes``, a float, or a text), or raises UnfitError.

    Several labels per row come as a list and are kept as the target column holds them: sorted, parted by ``separator``.
    """
    choices = ", ".join(repr(value) for value in classes[:20]) + (", ..." if len(classes) > 20 else "")

    def one_of(value: Any) -> Any:
        for known in classes:
            if isinstance(value, bool) is isinstance(known, bool) and value == known:
                return known
        raise UnfitError(f"must be one of {choices}")

    def number(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnfitError("must be a number")
        try:
            exact = float(value)
        except OverflowError:
            exact = math.inf
        if not math.isfinite(exact):
            raise UnfitError("must be a finite number")
        return exact

    def text(value: Any) -> str:
        if not isinstance(value, str) or not value or len(value) > MAX_TEXT:
            raise UnfitError(f"must be a text of 1 to {MAX_TEXT} characters")
        return value

    def several(value: Any) -> str:
        if not isinstance(value, list) or not value:
            raise UnfitError(f"must be a list of one or more of {choices}")
        return separator.join(sorted({str(one_of(one)) for one in value}))

    if task == "multilabel":
        return several
    if classes:
        return one_of
    return number if task == "regression" else text


def feedback_reply(product: str, results: list[FeedbackResult], alone: bool) -> Reply:
    """200 with what became of each item; 404 where one alone was sent and its request is not known."""
    body: dict[str, Any] = {
        "product": product,
        "joined": sum(result.status == "joined" for result in results),
        "results": [{"request_id": r.request_id, "row": r.row, "status": r.status} for r in results],
    }
    if alone and results[0].status == "unknown request":
        return Reply(404, {"error": f"{product} has answered no such row, or has forgotten it", **body})
    return Reply(200, body)
