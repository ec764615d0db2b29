"""From the bytes of a request to the answer: read, checked, answered by one model, or refused in words."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.serving.validate import Problem

if TYPE_CHECKING:
    from pipelines.serving.loaded import Loaded

KEYS = ("rows", "explain")
ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
MAX_DEPTH_MESSAGE = "the body is nested too deeply"
THREAD_ROWS = 32
"""Rows from which a request is answered in a thread, so that it does not hold up the others."""


Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: status, JSON body, and headers beside the content's."""

    status: int
    body: Mapping[str, Any]
    headers: Headers = ()

    def encode(self) -> bytes:
        return ENCODER.encode(self.body).encode("ascii")


@dataclass(frozen=True)
class Call:
    """A request that can be answered: by one model, from the first row to the last."""

    loaded: Loaded
    rows: list[dict[str, Any]]
    explain: bool
    warnings: Mapping[int, list[str]]

    @property
    def long(self) -> bool:
        """Whether it should be answered in a thread."""
        return self.explain or len(self.rows) >= THREAD_ROWS

    def ask(self) -> list[dict[str, Any]]:
        """The model's answers, one per row."""
        return self.loaded.answer(self.rows, self.explain)

    def reply(self, answers: Sequence[dict[str, Any]]) -> Reply:
        """What is sent of the model's answers."""
        for row, texts in self.warnings.items():
            answers[row]["warnings"] = texts
        body = {
            "product": self.loaded.product,
            "version": self.loaded.version,
            "request_id": new_request_id(),
            "answers": answers,
        }
        return Reply(200, body)


def new_request_id() -> str:
    """32 hex digits: milliseconds since 1970 (12), then 80 random bits. In order of time, so that the log's index grows
    at its end."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def refusal(status: int, error: str, problems: list[Problem] | None = None, headers: Headers = ()) -> Reply:
    """A reply that says what is wrong."""
    body: dict[str, Any] = {"error": error}
    if problems:
        body["problems"] = [problem.to_json() for problem in problems]
    return Reply(status, body, headers)


def read_call(
    current: Mapping[str, Loaded], product: str, content_type: str, raw: bytes, max_rows: int
) -> Call | Reply:
    """Read and check a predict request.

    Args:
        current: the board's models, taken once.
        product: from the path.
        content_type: the header, empty where it was not sent.
        raw: the body.
        max_rows: rows per request.

    Returns:
        What can be answered, or the refusal: 404 no such product, 415 not JSON, 400 not readable, 422 rows are wrong.
    """
    loaded = find(current, product)
    if isinstance(loaded, Reply):
        return loaded
    body = read_json_body(content_type, raw, 'send {"rows": [{...}]}')
    if isinstance(body, Reply):
        return body
    shape = _shape(body, max_rows)
    if shape is not None:
        return shape
    rows = body["rows"]
    problems, warnings = loaded.validator.check(rows)
    if problems:
        return wrong_items("row", problems)
    return Call(loaded, rows, body.get("explain", False), warnings)


def find(current: Mapping[str, Loaded], product: str) -> Loaded | Reply:
    """The model of a product, or 404 with the names of those that are served."""
    loaded = current.get(product)
    if loaded is None:
        names = ", ".join(sorted(current)) or "none yet"
        return refusal(404, f"no model answers for {product[:48]!r}; products: {names}")
    return loaded


def wrong_items(kind: str, problems: list[Problem]) -> Reply:
    """422 that names the first of the problems, with all of them."""
    first = problems[0]
    place = f"{kind} {first.row}" + (f", field {first.field!r}" if first.field else "")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return refusal(422, f"{place}: {first.problem}{more}", problems)


def read_json_body(content_type: str, raw: bytes, wanted: str) -> Any:
    """The body's value, or the refusal: 415 not JSON by its header, 400 not readable; ``wanted`` says what to send."""
    media = content_type.partition(";")[0].strip().lower()
    if media not in ("application/json", ""):
        return refusal(415, f"the body must be application/json, not {media[:80]!r}")
    if not raw.strip():
        return refusal(400, f"the body is empty; {wanted}")
    try:
        return json.loads(raw)
    except RecursionError:
        return refusal(400, MAX_DEPTH_MESSAGE)
    except json.JSONDecodeError as error:
        return refusal(400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except UnicodeDecodeError as error:
        return refusal(400, f"the body is not UTF-8: {error.reason} at byte {error.start}")
    except ValueError as error:  # an integer of more digits than Python reads
        return refusal(400, f"the body cannot be read: {re.sub(r';.*', '', str(error))}")


def _shape(body: Any, max_rows: int) -> Reply | None:
    if not isinstance(body, dict):
        return refusal(400, 'the body must be an object: {"rows": [{...}], "explain": false}')
    unknown = sorted(set(body) - set(KEYS))
    if unknown:
        return refusal(400, f"unknown key {unknown[0][:48]!r}; allowed: {', '.join(KEYS)}")
    if "rows" not in body:
        return refusal(400, "the key 'rows' is missing")
    if not isinstance(body["rows"], list) or not body["rows"]:
        return refusal(400, "'rows' must be a list of at least one row")
    if len(body["rows"]) > max_rows:
        return refusal(413, f"{len(body['rows'])} rows; at most {max_rows} per request")
    if not isinstance(body.get("explain", False), bool):
        return refusal(400, "'explain' must be true or false")
    return None
