"""Group commit of the prediction log: one writer thread per worker, one transaction for all that wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipelines.errors import NightshiftError, RecordsError
from pipelines.records.predictions import write
from pipelines.records.store import Records

logger = logging.getLogger("nightshift.serving")

MAX_GROUP = 2_000  # rows of one transaction
PATIENCE_SECONDS = 4.0  # for one transaction; then all who wait are told so. Less than the service gives a request
LOOK_SECONDS = 1.0
Values = Sequence[Mapping[str, Any]]


class _Waiting(NamedTuple):
    values: Values
    loop: asyncio.AbstractEventLoop
    kept: asyncio.Future[None]


class Journal:
    """Keeps answered rows. A request waits for the commit that holds its rows; whatever comes while one transaction
    runs is the next one, so a group is as large as the load is high and a lone request waits for one commit only.

    A database that neither answers nor fails holds the writer's thread, and nobody else: who waits is told after
    ``PATIENCE_SECONDS``, and who comes then at once. One timer looks each second, not one per request. Rows of a
    request that was told so may be in the log in the end.
    """

    def __init__(self, log: Records) -> None:
        self.log = log
        self.trouble: str | None = "its first use"
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._group: list[_Waiting] = []
        self._began: float | None = None  # the transaction that runs now
        self._looking: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="journal")

    def start(self) -> None:
        """Open the database (a failure is noted and tried again by :meth:`probe`) and begin."""
        self.probe()
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._queue.put(None)
        self._thread.join(timeout=10)
        self.log.close()

    async def keep(self, values: Values) -> None:
        """Return when these rows are committed.

        Raises:
            RecordsError: they are not, or not within ``PATIENCE_SECONDS``.
        """
        if self._hangs():
            raise self._silent()
        loop = asyncio.get_running_loop()
        if self._looking is not loop:
            self._looking = loop
            loop.call_later(LOOK_SECONDS, self._look, loop)
        kept: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(values, loop, kept))
        await kept

    def probe(self) -> None:
        """See whether the log can be written now."""
        try:
            with self.log.changing():
                pass
        except NightshiftError as error:
            self._note(error)
        else:
            self._note(None)

    def mend(self) -> None:
        """:meth:`probe`, where the log could not be written last time: no request comes to try it while the service is
        not ready. While a transaction hangs there is nothing to try: its end will tell."""
        if self.trouble is not None and not self._hangs():
            self.probe()

    def _hangs(self) -> bool:
        began = self._began
        return began is not None and time.monotonic() - began > PATIENCE_SECONDS

    def _silent(self) -> RecordsError:
        return RecordsError(
            f"its database has not answered for {PATIENCE_SECONDS:g} seconds",
            where={"records": self.log.place},
            next_step="see that the database runs and answers",
            transient=True,
        )

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the event loop: where the transaction that runs hangs, tell those in it and those behind it."""
        if self._hangs():
            error = self._silent()
            self._note(error)
            _settle([*self._group, *self._queued()], error)
        if self._began is None and self._queue.empty():
            self._looking = None
        else:
            loop.call_later(LOOK_SECONDS, self._look, loop)

    def _queued(self) -> list[_Waiting]:
        """Take out all that waits; the sign to end stays."""
        found: list[_Waiting] = []
        with contextlib.suppress(queue.Empty):
            while (item := self._queue.get_nowait()) is not None:
                found.append(item)
            self._queue.put(None)
        return found

    def _write_all(self) -> None:
        ended = False
        while not ended:
            group, rows = [], 0
            item = self._queue.get()
            while item is not None:
                group.append(item)
                rows += len(item.values)
                if rows >= MAX_GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            ended = item is None
            group = [one for one in group if not one.kept.done()]  # given up before their turn
            if group:
                self._group, self._began = group, time.monotonic()
                self._write(group)
                self._group, self._began = [], None

    def _write(self, group: list[_Waiting]) -> None:
        error: NightshiftError | None = None
        try:
            write(self.log, [values for item in group for values in item.values])
        except NightshiftError as trouble:
            error = trouble
        except Exception as trouble:  # the thread must live as long as the service
            logger.exception("the prediction log could not be written")
            error = RecordsError(type(trouble).__name__, next_step="look at the service's log")
        self._note(error)
        try:
            group[0].loop.call_soon_threadsafe(_settle, group, error)
        except RuntimeError:  # the event loop has ended: nobody waits
            return

    def _note(self, error: NightshiftError | None) -> None:
        words = None if error is None else error.what
        if words is not None and words != self.trouble:
            logger.error("the prediction log cannot be written: %s", words)
        self.trouble = words


def _settle(group: list[_Waiting], error: NightshiftError | None) -> None:
    for item in group:
        if item.kept.done():  # the request was given up
            continue
        if error is None:
            item.kept.set_result(None)
        else:
            item.kept.set_exception(error)
