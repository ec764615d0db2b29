"""The encoder-decoder with somebody who listens: at every token, so that a reply nobody waits for is not written on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from pipelines.problems.reply.core.writing import Writer


class _Listened:
    """A network that says before each step that it takes one."""

    def __init__(self, network: Any, on_step: Callable[[], None]) -> None:
        self._network, self._on_step = network, on_step

    def step(self, *asked: Any) -> Any:
        self._on_step()
        return self._network.step(*asked)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


def listened(writer: Writer, on_step: Callable[[], None]) -> Writer:
    """The same writer, which calls ``on_step`` before each token; what that raises ends the writing."""
    heard = copy.copy(writer)
    heard.network = _Listened(writer.network, on_step)  # type: ignore[assignment]
    return heard
