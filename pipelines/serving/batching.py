"""Requests that have arrived at the same moment are answered by one call of the model.

There is no timer: what the event loop has read in one turn is answered in the next. A lone request waits for nobody;
under load batches grow by themselves, since whatever came in while one batch was answered is the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pipelines.serving.loaded import Loaded

logger = logging.getLogger("nightshift.serving")

MAX_ROWS = 64
"""Rows of one batch: some milliseconds, in which the event loop stands still."""

Row = Mapping[str, Any]
Answers = list[dict[str, Any]]


class _Waiting(NamedTuple):
    loaded: Loaded
    rows: Sequence[Row]
    answered: asyncio.Future[Answers]


class Batcher:
    """Belongs to one event loop."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._max_rows = max_rows
        self._waiting: deque[_Waiting] = deque()
        self._scheduled = False

    async def answers(self, loaded: Loaded, rows: Sequence[Row]) -> Answers:
        """One answer per row, in order, all from ``loaded``."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answers] = loop.create_future()
        self._waiting.append(_Waiting(loaded, rows, answered))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._turn)
        return await answered

    def _turn(self) -> None:
        groups: dict[int, list[_Waiting]] = {}
        taken = 0
        while self._waiting and taken < self._max_rows:
            item = self._waiting.popleft()
            if not item.answered.done():  # the client has gone
                groups.setdefault(id(item.loaded), []).append(item)
                taken += len(item.rows)
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._turn)
        for group in groups.values():
            _answer(group)


def _answer(group: list[_Waiting]) -> None:
    loaded = group[0].loaded
    try:
        answers = loaded.answer([row for item in group for row in item.rows])
    except Exception as error:
        if len(group) == 1:
            group[0].answered.set_exception(error)
            return
        logger.exception("%s: a batch of %d requests failed; each is tried alone", loaded.product, len(group))
        for item in group:
            _answer([item])
        return
    start = 0
    for item in group:
        end = start + len(item.rows)
        item.answered.set_result(answers[start:end])
        start = end
