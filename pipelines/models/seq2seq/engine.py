"""Many texts at once: requests that come at different times are written together, a token of each per step.

Requests join between two steps and leave at their end (iteration-level scheduling, Yu et al., Orca, OSDI 2022). There
is no thread behind it: whoever waits for a token takes the next step for all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.models.seq2seq.decoding import Decoder, Decoding, Growing, single

MOST = 64  # rows written together


class _Request:
    def __init__(self, network: Decoder, source: Sequence[int], how: Decoding, forbidden: Any) -> None:
        self.source = source
        self.growing = Growing(network, 1, how, forbidden)
        self.sure: list[int] = []
        self.over = False  # ended, or nobody waits for it


class _Group:
    """Requests whose rows lie in one cache, in their order."""

    def __init__(self, cache: Any, requests: list[_Request]) -> None:
        self.cache, self.requests = cache, requests


class Engine:
    """Writes texts for many callers at once; safe to call from several threads.

    Args:
        network: what is asked for the next tokens. Where it has a method ``join(left, right)`` of two caches, requests
            of different ages share one step; else those do that began together.
        most: rows written together; further requests wait.
    """

    def __init__(self, network: Decoder, most: int = MOST) -> None:
        self._network, self._most = network, most
        self._join = getattr(network, "join", None)
        self._stepped = threading.Condition()
        self._stepping = False
        self._door = threading.Lock()  # of the waiting ones
        self._waiting: list[_Request] = []
        self._groups: list[_Group] = []

    @property
    def rows(self) -> int:
        """Rows that are being written."""
        return sum(request.growing.rows for group in self._groups for request in group.requests)

    def stream(self, source: Sequence[int], how: Decoding, forbidden: NDArray[np.bool_] | None = None) -> Iterator[int]:
        """As :func:`pipelines.models.seq2seq.decoding.stream`; closing the generator takes its rows out."""
        request = _Request(self._network, source, single(how), None if forbidden is None else forbidden[None])
        with self._door:
            self._waiting.append(request)
        sent = 0
        try:
            while True:
                over = request.over
                sure = request.sure  # read after: what is over changes no more
                yield from sure[sent:]
                sent = len(sure)
                if over:
                    return
                self._wait(request, sent)
        finally:
            request.over = True

    def _wait(self, request: _Request, sent: int) -> None:
        """Until a request has more than ``sent`` tokens: take the next step, or let another caller take it."""
        with self._stepped:
            while self._stepping and len(request.sure) == sent and not request.over:
                self._stepped.wait()
            if len(request.sure) > sent or request.over:
                return
            self._stepping = True
        try:
            self._step()
        finally:
            with self._stepped:
                self._stepping = False
                self._stepped.notify_all()

    def _step(self) -> None:
        self._admit()
        for group in self._groups:
            self._advance(group)
        self._groups = [group for group in self._groups if group.requests]

    def _admit(self) -> None:
        with self._door:
            self._waiting = [request for request in self._waiting if not request.over]
            room, new = self._most - self.rows, list[_Request]()
            while self._waiting and (self._waiting[0].growing.rows <= room or not (new or self._groups)):
                new.append(self._waiting.pop(0))
                room -= new[-1].growing.rows
        if not new:
            return
        cache = self._network.encode([request.source for request in new])
        cache.keep(np.repeat(np.arange(len(new)), [request.growing.rows for request in new]))
        if self._join is not None and self._groups:
            group = self._groups[0]
            group.cache, group.requests = self._join(group.cache, cache), [*group.requests, *new]
        else:
            self._groups.append(_Group(cache, new))

    def _advance(self, group: _Group) -> None:
        _drop(group)
        if not group.requests:
            return
        chances = self._network.step(np.concatenate([r.growing.tokens for r in group.requests]), group.cache)
        at, moved, rows = 0, False, []
        for request in group.requests:
            size = request.growing.rows
            parents = request.growing.take(chances[at : at + size])
            rows.append(at + (np.arange(size) if parents is None else parents))
            moved = moved or parents is not None
            request.sure = request.growing.sure()
            request.over = request.over or request.growing.ended
            at += size
        if moved:
            group.cache.keep(np.concatenate(rows))
        _drop(group)


def _drop(group: _Group) -> None:
    """Leave out the rows of requests that are over."""
    over = [request.over for request in group.requests]  # read once: another thread may end one meanwhile
    if not any(over):
        return
    stay = np.repeat(~np.array(over), [request.growing.rows for request in group.requests])
    group.requests = [request for request, gone in zip(group.requests, over, strict=True) if not gone]
    if group.requests:
        group.cache.keep(np.flatnonzero(stay))
