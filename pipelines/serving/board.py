"""Which model answers for which product, kept in step with the champion pointers while requests run."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from pipelines.errors import NightshiftError

if TYPE_CHECKING:
    from pipelines.serving.loaded import Loaded

logger = logging.getLogger("nightshift.serving")

POLL_SECONDS = 1.0
RETRY_SECONDS = 30.0  # before a bundle that could not be loaded is tried again
Wanted = Mapping[str, tuple[str | None, Path]]
"""product -> (version, or None where the folder decides; bundle folder)."""

Loader = Callable[[str, str | None, Path], "Loaded"]


def load_bundle(product: str, version: str | None, folder: Path) -> Loaded:
    """As :func:`pipelines.serving.loaded.load`; BentoML's parent process, which never loads one, starts without it."""
    from pipelines.serving.loaded import load

    return load(product, version, folder)


class Source(Protocol):
    """Where the champions are named."""

    def wanted(self) -> Wanted:
        """What should be served now. May raise a NightshiftError: then what is served stays."""
        ...

    def waits_for(self) -> str:
        """What an empty board waits for, in words."""
        ...


class Board:
    """The loaded models. ``current`` is replaced as a whole by one assignment and never changed in place, so a request
    that takes it once sees one model to its end."""

    def __init__(self, source: Source | None = None, loader: Loader = load_bundle) -> None:
        self.current: Mapping[str, Loaded] = MappingProxyType({})
        self.troubles: Mapping[str, str] = MappingProxyType({})
        self._source = source
        self._load = loader
        self._failed: dict[tuple[str, str | None], tuple[float, NightshiftError | None]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def refresh(self) -> bool:
        """Ask the source, load what is new aside, then swap. True when the board has changed."""
        if self._source is None:
            return False
        try:
            wanted = self._source.wanted()
        except NightshiftError as error:
            self._note({"records": error.line()})
            return False
        served: dict[str, Loaded] = {}
        troubles: dict[str, str] = {}
        for product, (version, folder) in wanted.items():
            present = self.current.get(product)
            if present is not None and present.folder == folder and version in (None, present.version):
                served[product] = present
                continue
            try:
                served[product] = self._loaded(product, version, folder)
            except NightshiftError as error:
                troubles[product] = error.line()
                if present is not None:
                    served[product] = present
        changed = served != dict(self.current)
        if changed:
            self.current = MappingProxyType(served)
            settle()
        self._note(troubles)
        return changed

    def _loaded(self, product: str, version: str | None, folder: Path) -> Loaded:
        at, error = self._failed.get((product, version), (0.0, None))
        if error is not None and time.monotonic() - at < RETRY_SECONDS:
            raise error.with_traceback(None)
        try:
            loaded = self._load(product, version, folder)
        except NightshiftError as trouble:
            self._failed[product, version] = (time.monotonic(), trouble)
            raise
        logger.info("%s: version %s answers now", product, loaded.version)
        return loaded

    def _note(self, troubles: dict[str, str]) -> None:
        for product, line in troubles.items():
            if self.troubles.get(product) != line:
                logger.error("%s: %s", product, line)
        self.troubles = MappingProxyType(troubles)

    def readiness(self) -> tuple[bool, str]:
        """Whether every wanted product is answered for, and in words what is or what is waited for."""
        served = ", ".join(f"{product} {loaded.version}" for product, loaded in sorted(self.current.items()))
        waits = "; ".join(f"{product}: {line}" for product, line in sorted(self.troubles.items()))
        if not self.current:
            return False, f"waits for {waits or (self._source.waits_for() if self._source else 'its start')}"
        absent = sorted(set(self.troubles) - set(self.current) - {"records"})
        text = f"serves {served}" + (f"; waits for {waits}" if waits else "")
        return not absent, text

    def follow(self, source: Source) -> None:
        """Fill the board from a source now, then keep it in step from a thread."""
        self._source = source
        self.refresh()
        settle()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="champions")
        self._thread.start()

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self.refresh()
            except Exception:  # the thread must live as long as the service: what is served stays
                logger.exception("the champions could not be looked up")

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)


def settle() -> None:
    """Take all that lives now out of the garbage collector's sight: a full collection of what the imports left
    stalls requests for 80 to 170 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
