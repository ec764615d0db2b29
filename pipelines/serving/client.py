"""A small client of the service, on one kept-alive connection, without a dependency."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import ServiceError

JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Heard:
    """What came back: status, body, and the seconds from the first byte sent to the last byte read."""

    status: int
    text: str
    seconds: float

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ServiceError: it is none.
        """
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise ServiceError(
                f"the service answered {self.status} with what is not JSON: {self.text[:120]!r}",
                next_step="look at the service's log",
            ) from error


class Client:
    """One connection to a service; use it as a context manager. ``key``: an API key, where the service asks for one."""

    def __init__(self, host: str, port: int, timeout_seconds: float = 30.0, key: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
        self._own = {"Authorization": f"Bearer {key}"} if key else {}

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] = JSON_HEADERS
    ) -> Heard:
        """Send one request; a kept connection that the server has closed meanwhile is opened again, once.

        Raises:
            ServiceError: no answer came.
        """
        kept = self._connection.sock is not None
        began = time.perf_counter()
        try:
            try:
                response = self._ask(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
                if not kept:
                    raise
                self._connection.close()
                response = self._ask(method, path, body, headers)
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ServiceError(
                f"no answer from the service: {type(error).__name__} {error}",
                where={"request": f"{method} {path}"},
                next_step="see that it runs (`nightshift serve`) and look at its log",
            ) from error
        return Heard(response.status, text, time.perf_counter() - began)

    def _ask(
        self, method: str, path: str, body: bytes | str | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        self._connection.request(method, path, body, {**self._own, **headers})
        return self._connection.getresponse()

    def predict(self, product: str, rows: list[dict[str, Any]], explain: bool = False) -> Heard:
        """``POST /v1/<product>/predict``."""
        return self.call("POST", f"/v1/{product}/predict", json.dumps({"rows": rows, "explain": explain}))

    def feedback(self, product: str, outcomes: list[dict[str, Any]]) -> Heard:
        """``POST /v1/<product>/feedback``: ``{"request_id", "row", "outcome"}`` each."""
        return self.call("POST", f"/v1/{product}/feedback", json.dumps(outcomes))
