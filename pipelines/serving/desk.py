"""Where a request that has passed the door is answered: model, prediction log, reply; and where feedback is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from pipelines.blocks.operations import Service
from pipelines.errors import NightshiftError
from pipelines.problems import Judged, Telling
from pipelines.records.feedback import Feedback, FeedbackResult, add
from pipelines.records.predictions import Logged, as_values
from pipelines.records.store import Records, now
from pipelines.serving.answers import Call, Reply, read_call, refusal
from pipelines.serving.batching import Batcher
from pipelines.serving.journal import PATIENCE_SECONDS, Journal
from pipelines.serving.judging import judge
from pipelines.serving.outcomes import feedback_reply, read_outcomes
from pipelines.serving.streaming import Stream, no_stream

if TYPE_CHECKING:
    from pipelines.serving.loaded import Loaded

SOON = ((b"retry-after", b"1"),)
UNLOGGED = "the prediction log cannot be written, and no answer is given that is not logged: "


class Desk:
    """One per worker.

    Args:
        served: gives the board's models; asked once per request.
        limits: the service block.
    """

    def __init__(self, served: Callable[[], Mapping[str, Loaded]], limits: Service) -> None:
        self._served = served
        self._limits = limits
        self._masked = frozenset(limits.mask_fields)
        self._batcher = Batcher()
        self.journal: Journal | None = None
        self.queue: Records | None = None

    async def predict(self, product: str, content_type: str, raw: bytes, client: str) -> Reply:
        """Answer rows; the answer is given after the commit that holds it. 503 when it cannot be logged."""
        call = read_call(self._served(), product, content_type, raw, self._limits.max_rows)
        if isinstance(call, Reply):
            return call
        if call.long or not getattr(call.loaded.model, "rowwise", True):
            answers = await anyio.to_thread.run_sync(call.ask)
        else:
            answers = await self._batcher.answers(call.loaded, call.rows)
        return await self._logged(call, call.reply(answers), client)

    async def stream(self, product: str, content_type: str, raw: bytes, client: str) -> Reply | Stream:
        """Answer one row as it comes; refused as :meth:`predict` refuses, before anything is streamed."""
        call = read_call(self._served(), product, content_type, raw, 1)
        if isinstance(call, Reply):
            return call
        if not isinstance(call.loaded.model, Telling):
            return no_stream(product)
        return Stream(call, partial(self._logged, call, client=client))

    async def _logged(self, call: Call, reply: Reply, client: str) -> Reply:
        journal = self.journal
        if journal is None:
            return reply
        try:
            values = self._values(call, reply.body, client)
        except ValueError:
            return refusal(422, "a row holds NaN, infinity or a number of very many digits, which cannot be logged")
        try:
            await journal.keep(values)
        except NightshiftError as error:
            return refusal(503, UNLOGGED + error.what, headers=SOON)
        return reply

    def _values(self, call: Call, body: Mapping[str, Any], client: str) -> list[dict[str, Any]]:
        at, masked = now(), self._masked
        request_id, product, version = body["request_id"], body["product"], body["version"]
        return [
            as_values(
                Logged(
                    request_id,
                    place,
                    product,
                    version,
                    at,
                    {key: value for key, value in row.items() if key not in masked} if masked else row,
                    answer,
                    client or None,
                )
            )
            for place, (row, answer) in enumerate(zip(call.rows, body["answers"], strict=True))
        ]

    async def feedback(self, product: str, content_type: str, raw: bytes, client: str) -> Reply:
        """Take true outcomes. 503 when they cannot be kept."""
        read = read_outcomes(self._served(), product, content_type, raw, self._limits.max_rows, now(), client)
        if isinstance(read, Reply):
            return read
        if self.journal is None:
            return refusal(503, "this service keeps no prediction log, so no feedback can be joined to it")
        items, alone = read
        try:
            with anyio.fail_after(PATIENCE_SECONDS):
                keep = partial(self._kept, self.journal.log, product, items)
                results = await anyio.to_thread.run_sync(keep, abandon_on_cancel=True)
        except TimeoutError:
            words = f"its database has not answered for {PATIENCE_SECONDS:g} seconds; sending it again is harmless"
            return refusal(503, f"the feedback cannot be kept: {words}", headers=SOON)
        except NightshiftError as error:
            return refusal(503, f"the feedback cannot be kept: {error.what}", headers=SOON)
        return feedback_reply(product, results, alone)

    def _kept(self, log: Records, product: str, items: list[Feedback]) -> list[FeedbackResult]:
        loaded = self._served().get(product)
        model = None if loaded is None else loaded.model
        return judge(log, self.queue, model, items) if isinstance(model, Judged) else add(log, items)
