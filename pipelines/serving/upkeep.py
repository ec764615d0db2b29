"""What a worker does beside its requests: look the keys up, mend the log, forget what is old."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pipelines.blocks.operations import Service
from pipelines.config import load_params
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.records.predictions import forget, thin
from pipelines.records.store import Records

logger = logging.getLogger("nightshift.serving")

TURN_SECONDS = 1.0
FORGET_SECONDS = 3600.0
FIRST_SECONDS = 60.0  # after the start


class Upkeep:
    """A thread that calls ``each_second`` in turn, and ``each_hour`` now and then."""

    def __init__(self, each_second: list[Callable[[], None]], each_hour: Callable[[], object] | None) -> None:
        self._each_second = each_second
        self._each_hour = each_hour
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="upkeep")

    def start(self) -> None:
        """Call everything of each second once, then begin."""
        for work in self._each_second:
            work()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        due = time.monotonic() + FIRST_SECONDS
        while not self._stop.wait(TURN_SECONDS):
            try:
                for work in self._each_second:
                    work()
                if self._each_hour is not None and time.monotonic() >= due:
                    due = time.monotonic() + FORGET_SECONDS
                    self._each_hour()
            except Exception:  # the thread must live as long as the service
                logger.exception("upkeep failed; it is tried again")


def retain(layout: Layout, log: Records, service: Service, today: datetime | None = None) -> dict[str, int]:
    """Forget what is older than each product's ``requirements.retention_days``, and thin what is older than
    ``service.log_sample_after_days``. Rows that went, per product; products that are not in ``params.yaml`` stay."""
    at = today or datetime.now(UTC)
    gone: dict[str, int] = {}
    try:
        for name, product in load_params(layout.params).products.items():
            gone[name] = forget(log, name, days_before(at, product.requirements.retention_days))
            if service.log_sample_after_days is not None:
                old = days_before(at, service.log_sample_after_days)
                gone[name] += thin(log, name, old, service.log_sample_share)
    except NightshiftError as error:
        logger.error("old predictions could not be forgotten: %s", error.line())
    for name, rows in gone.items():
        if rows:
            logger.info("%s: %d old predictions are forgotten", name, rows)
    return gone


def days_before(at: datetime, days: int) -> str:
    """A UTC ISO time, as the log holds them."""
    return (at - timedelta(days=days)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
