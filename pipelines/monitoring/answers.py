"""Answers of the running service for a window of rows, in batches. Refused rows are counted, not lost."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipelines.config import Params
from pipelines.errors import ServiceError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.problems import answered
from pipelines.serving.client import JSON_HEADERS, Client, Heard

if TYPE_CHECKING:
    import pandas as pd

BATCH_ROWS = 500
REQUEST_MS = 5_000  # the service gives a request 10 s
BUSY_TRIES = 5
BUSY_SECONDS = 1.0


@dataclass(frozen=True)
class Answers:
    """What the service said about a window.

    Attributes:
        version: the model that answered; one for all rows.
        columns: ``score`` (or ``score_0`` ... per class) as float64 ``[n]``, NaN where a row was refused, and
            ``decision`` (position of the class, None where refused) for products that decide.
        refused: row position -> what the service said is wrong with it.
        places: per row the request id and the row's place in that request, for feedback; None where refused.
    """

    version: str
    columns: Mapping[str, Any]
    refused: Mapping[int, str] = field(default_factory=dict)
    places: Sequence[tuple[str, int] | None] = ()


@contextlib.contextmanager
def service_for(
    layout: Layout, params: Params, product: str, version: str, bundle: Path, shared: bool = True
) -> Iterator[str]:
    """The address of a service that answers for this version: the running one, else one started for the block.

    Args:
        shared: whether the running one may be asked; it keeps what it answers in production's log.

    Raises:
        ServiceError: none runs, and one cannot be started.
    """
    address = f"http://{params.service.host}:{params.service.port}"
    if shared and _serves(address, product, version):
        yield address
        return
    from pipelines.serving.launch import running

    with running(layout, {product: bundle}, params.service) as started:
        yield started.url


KEY = "NIGHTSHIFT_API_KEY"
"""Variable with the API key that a service asks for where it is not on loopback."""


class _Keyed(Client):
    """Sends the key, where one is set, with every request."""

    def call(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] = JSON_HEADERS
    ) -> Heard:
        key = os.environ.get(KEY, "").strip()
        return super().call(method, path, body, {**headers, "Authorization": f"Bearer {key}"} if key else headers)


def client_of(address: str, timeout_seconds: float = 30.0) -> Client:
    """A connection to a service at e.g. ``http://127.0.0.1:3000``; sends the key of ``NIGHTSHIFT_API_KEY``, if set."""
    place = urlsplit(address)
    return _Keyed(place.hostname or "", place.port or 80, timeout_seconds)


def _serves(address: str, product: str, version: str) -> bool:
    try:
        with client_of(address, 2.0) as client:
            heard = client.call("GET", f"/v1/products/{product}")
            return heard.status == 200 and heard.json().get("version") == version
    except ServiceError:
        return False


def rows_per_request(params: Params, product: str) -> int:
    """How many rows to send at once: at the product's stated latency a request is answered well within its time."""
    latency = params.product(product).requirements.latency_p99_ms
    return max(1, min(params.service.max_rows, BATCH_ROWS, int(REQUEST_MS / latency)))


def ask(
    address: str, product: str, problem: str, rows: pd.DataFrame, schema: Mapping[str, Any], max_rows: int
) -> Answers:
    """Send every row and collect the answers.

    A batch in which rows are wrong is refused as a whole, naming them: they are taken out and the rest is sent again.

    Args:
        address: e.g. ``http://127.0.0.1:3000``.
        problem: its kind of problem.
        rows: raw rows; only the schema's fields are sent.
        schema: the bundle's ``schema.json``.
        max_rows: rows to send per request, see :func:`rows_per_request`.

    Raises:
        ServiceError: unreachable, an error that names no row, or answers of two versions.
    """
    records = to_records(rows, schema)
    answers: list[Mapping[str, Any] | None] = [None] * len(records)
    places: list[tuple[str, int] | None] = [None] * len(records)
    refused: dict[int, str] = {}
    versions: set[str] = set()
    size = min(max_rows, BATCH_ROWS)
    with client_of(address) as client:
        for start in range(0, len(records), size):
            pending = list(range(start, min(start + size, len(records))))
            while pending:
                heard = _predict(client, product, [records[row] for row in pending])
                if heard.status == 200:
                    body = heard.json()
                    versions.add(str(body["version"]))
                    for place, (row, answer) in enumerate(zip(pending, body["answers"], strict=True)):
                        answers[row], places[row] = answer, (str(body["request_id"]), place)
                    break
                wrong = _wrong_rows(heard, pending)
                if not wrong:
                    raise _refused(address, product, heard)
                refused.update(wrong)
                pending = [row for row in pending if row not in wrong]
    if len(versions) > 1:
        raise ServiceError(
            f"two versions answered within one window: {', '.join(sorted(versions))}",
            where={"product": product, "service": address},
            next_step="a promotion came between; run this again",
            transient=True,
        )
    return Answers(next(iter(versions), ""), answered(problem, schema, answers), dict(sorted(refused.items())), places)


def to_records(rows: pd.DataFrame, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows as JSON objects with the schema's fields and the columns that may be sent besides: missing is null, whole
    numbers of integer fields are ints."""
    also = [{"name": name, "type": "integer"} for name in schema.get("also", ())]
    fields = [item for item in (*schema["fields"], *also) if item["name"] in rows]
    columns = [_plain(_listed(rows[item["name"]]), item["type"]) for item in fields]
    names = [str(item["name"]) for item in fields]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _listed(column: pd.Series) -> list[Any]:
    """Python values, None where missing."""
    values: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return values


def _plain(values: Sequence[Any], kind: str) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value is None or (isinstance(value, float) and math.isinf(value)):
            found.append(None)
        elif isinstance(value, bool | str):
            found.append(value)
        elif kind == "integer" and float(value).is_integer():
            found.append(int(value))
        elif kind == "string":
            found.append(str(value))
        else:
            found.append(float(value) if not isinstance(value, int) else value)
    return found


def _predict(client: Client, product: str, rows: list[dict[str, Any]]) -> Heard:
    """Ask; where the service is busy, wait and ask again."""
    for _ in range(BUSY_TRIES - 1):
        heard = client.predict(product, rows)
        if heard.status not in {429, 503}:
            return heard
        time.sleep(BUSY_SECONDS)
    return client.predict(product, rows)


def _wrong_rows(heard: Heard, pending: Sequence[int]) -> dict[int, str]:
    if heard.status != 422:
        return {}
    wrong: dict[int, str] = {}
    for problem in heard.json().get("problems", []):
        row = problem.get("row")
        if isinstance(row, int) and 0 <= row < len(pending):
            text = f"{problem['field']}: {problem['problem']}" if problem.get("field") else str(problem["problem"])
            wrong.setdefault(pending[row], text)
    return wrong


def _refused(address: str, product: str, heard: Heard) -> ServiceError:
    words = heard.text
    with contextlib.suppress(ValueError, AttributeError, KeyError):
        words = str(json.loads(heard.text)["error"])
    return ServiceError(
        f"the service answered {heard.status}: {words[:300]}",
        where={"product": product, "service": address},
        next_step="see the service's log; the product's fields are listed at /v1/products",
        transient=heard.status in {429, 503},
    )


def bundle_schema(bundle: Path) -> dict[str, Any]:
    """The bundle's ``schema.json``."""
    content: dict[str, Any] = read_json(bundle / "schema.json")
    return content
