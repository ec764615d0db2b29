"""What a person sees while a night runs: a line per finished task; on a terminal also what runs just now."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

TERMINAL_SECONDS = 0.3  # between two redrawings
PLAIN_SECONDS = 30.0  # between two "still running" lines where there is no terminal
TAIL_BYTES = 4096
WORDS = {"success": "done", "failed": "FAILED", "up_for_retry": "tries again", "upstream_failed": "not reached"}


class Display:
    """Writes to ``stream``; ``logs`` finds the log file of a running task, so that its own progress is shown."""

    def __init__(self, stream: TextIO, started: float | None = None) -> None:
        self.stream = stream
        self.terminal = stream.isatty()
        self.started = started if started is not None else time.monotonic()
        self.running: dict[str, tuple[float, Path | None]] = {}
        self.drawn = False
        self.last = time.monotonic()

    def say(self, line: str) -> None:
        """A line that stays."""
        self._clear()
        self.stream.write(f"{line}\n")
        self.stream.flush()

    def start(self, task_id: str, log: Path | None = None) -> None:
        """A task has started."""
        self.running[task_id] = (time.monotonic(), log)

    def end(self, task_id: str, state: str, seconds: float) -> None:
        """A task has ended in one of Airflow's states."""
        self.running.pop(task_id, None)
        self.say(f"{self._clock()}  {task_id:<44} {seconds:7.1f} s  {WORDS.get(state, state)}")

    def tick(self) -> None:
        """Called often; draws seldom."""
        now = time.monotonic()
        if not self.running or now - self.last < (TERMINAL_SECONDS if self.terminal else PLAIN_SECONDS):
            return
        self.last = now
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            self._clear()
            self.stream.write("; ".join(self._now(task) for task in self.running)[:width])
            self.drawn = True
            self.stream.flush()
        else:
            for task in self.running:
                self.say(f"{self._clock()}  {self._now(task)}")

    def close(self) -> None:
        """Leave the terminal clean."""
        self._clear()
        self.stream.flush()

    def _now(self, task_id: str) -> str:
        started, log = self.running[task_id]
        said = last_output(log) if log else ""
        return f"{task_id} {time.monotonic() - started:.0f} s" + (f": {said}" if said else "")

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        return f"{minutes:3d}:{seconds:02d}"

    def _clear(self) -> None:
        if self.drawn:
            self.stream.write("\r\x1b[K")
            self.drawn = False


def last_output(log: Path) -> str:
    """The last line that the task's step itself has printed, from Airflow's log file (one JSON object per line)."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = stream.read().splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            entry: Mapping[str, object] = json.loads(line)
        except ValueError:
            continue
        if entry.get("logger") == "task.stdout":
            return str(entry.get("event", "")).strip()
    return ""
