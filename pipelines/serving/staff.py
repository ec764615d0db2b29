"""What stands behind the door in one worker: keys, prediction log, upkeep; opened when the worker starts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.layout import Layout, find_layout
from pipelines.records.store import open_records
from pipelines.serving.board import Board
from pipelines.serving.desk import Desk
from pipelines.serving.door import House
from pipelines.serving.journal import Journal
from pipelines.serving.keyring import Keyring
from pipelines.serving.settings import Settings
from pipelines.serving.upkeep import Upkeep, retain

logger = logging.getLogger("nightshift.serving")

BUSY_SECONDS = 2.0  # for which a commit waits for another process; then 503
LOG_URL, RECORDS_URL = "NIGHTSHIFT_LOG_URL", "NIGHTSHIFT_RECORDS_URL"
UNLOGGED = f"answers are not logged: {LOG_URL} is not set"


class Staff:
    """Made when the service is imported, started in each worker."""

    def __init__(self, settings: Settings, board: Board, desk: Desk) -> None:
        self._settings = settings
        self._board = board
        self._desk = desk
        self._note = ""
        self._upkeep: Upkeep | None = None
        self._journal: Journal | None = None
        self.keyring = Keyring(settings.asks_for_keys)
        self.house = House(
            self.readiness,
            {"predict": desk.predict, "feedback": desk.feedback, "reply/stream": desk.stream},
            self.keyring,
            settings.service.max_in_flight,
        )

    def start(self, in_bento: bool, environment: Mapping[str, str]) -> None:
        """Open what this service needs: nothing when it only tries a bundle out, all of it when it serves champions. A
        Bento that was started by itself logs, and knows keys, where variables name the databases."""
        told = self._settings.log
        logs = told if told is not None else bool(environment.get(LOG_URL)) or not in_bento
        if not logs and told is None:
            self._note = UNLOGGED
            logger.warning(UNLOGGED)
        layout = None if in_bento else _layout()
        place = layout or Layout(Path.cwd())
        if told is not False and (layout is not None or environment.get(RECORDS_URL)):
            records = open_records(place.records_url, busy_seconds=BUSY_SECONDS)
            self.keyring.open(records)
            self._desk.queue = records
        each_second = [self.keyring.refresh]
        each_hour = None
        if logs:
            self._journal = Journal(open_records(place.log_url, busy_seconds=BUSY_SECONDS, synchronous="NORMAL"))
            self._journal.start()
            self._desk.journal = self._journal
            each_second.append(self._journal.mend)
            if layout is not None:
                each_hour = partial(retain, layout, self._journal.log, self._settings.service)
        self._upkeep = Upkeep(each_second, each_hour)
        self._upkeep.start()

    def stop(self) -> None:
        """End the threads; what waits to be logged is written first."""
        if self._upkeep is not None:
            self._upkeep.stop()
        if self._journal is not None:
            self._journal.stop()

    def readiness(self) -> tuple[bool, str]:
        """The board's word, and the log's."""
        ready, words = self._board.readiness()
        if self._journal is not None and self._journal.trouble is not None:
            return False, f"waits for the prediction log: {self._journal.trouble}; {words}"
        return ready, f"{words}; {self._note}" if self._note else words


def _layout() -> Layout | None:
    try:
        return find_layout()
    except ConfigError:
        return None
